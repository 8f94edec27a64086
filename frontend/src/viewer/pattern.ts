// Marks that tell labels apart without colour, as the pixels of a tile that repeats over an accepted mask. None of them is
// diagonal: diagonal stripes mean that nobody accepted a mask (hatch.ts).

/** The first label has none. */
export const PATTERNS = ['plain', 'dots', 'horizontal', 'rings', 'vertical', 'crosses', 'grid', 'waves'] as const
export type Pattern = (typeof PATTERNS)[number]

/** Of the label at this place in the list. */
export function patternAt(index: number): Pattern {
  return PATTERNS[index % PATTERNS.length]
}

const SIDE_PX = 12
const LINE_PX = 1.25
const LIGHT = 0.8
const DARK = 0.55
/** The dark twin of every mark, so that it is seen on bright tissue, too. */
const SHADOW_PX = 1

/** Side of the tile in device pixels. */
export function patternSide(pixelRatio: number): number {
  return Math.round(SIDE_PX * pixelRatio)
}

/** RGBA bytes, side x side, row-major: white marks with a dark twin, clear in between. */
export function patternTile(pattern: Pattern, pixelRatio: number): Uint8ClampedArray<ArrayBuffer> {
  const side = patternSide(pixelRatio), scale = side / SIDE_PX
  const tile = new Uint8ClampedArray(side * side * 4)
  for (let row = 0; row < side; row++) {
    for (let column = 0; column < side; column++) {
      const x = (column + 0.5) / scale, y = (row + 0.5) / scale
      const light = LIGHT * coverage(pattern, x, y, scale), dark = DARK * coverage(pattern, x - SHADOW_PX, y - SHADOW_PX, scale)
      const alpha = light + dark * (1 - light)
      const white = alpha === 0 ? 0 : (255 * light) / alpha
      tile.set([white, white, white, 255 * alpha], (row * side + column) * 4)
    }
  }
  return tile
}

/** How much of the pixel at (x, y), in CSS pixels, a mark covers. */
function coverage(pattern: Pattern, x: number, y: number, scale: number): number {
  return Math.min(1, Math.max(0, 0.5 - scale * beyondMark(pattern, wrapped(x), wrapped(y))))
}

/** Distance from the edge of the nearest mark, in CSS pixels; negative within. */
function beyondMark(pattern: Pattern, x: number, y: number): number {
  const half = SIDE_PX / 2, dx = Math.abs(x - half), dy = Math.abs(y - half)
  switch (pattern) {
    case 'plain':
      return Infinity
    case 'dots':
      return Math.hypot(dx, dy) - 1.9
    case 'rings':
      return Math.abs(Math.hypot(dx, dy) - 3.6) - LINE_PX / 2
    case 'horizontal':
      return dy - LINE_PX / 2
    case 'vertical':
      return dx - LINE_PX / 2
    case 'grid':
      return Math.min(dx, dy) - LINE_PX / 2
    case 'crosses':
      return Math.min(Math.max(dx - 3.2, dy - LINE_PX / 2), Math.max(dy - 3.2, dx - LINE_PX / 2))
    default:
      return Math.abs(y - half - 2.6 * Math.sin((2 * Math.PI * x) / SIDE_PX)) / Math.hypot(1, 1.36 * Math.cos((2 * Math.PI * x) / SIDE_PX)) - LINE_PX / 2
  }
}

function wrapped(value: number): number {
  return ((value % SIDE_PX) + SIDE_PX) % SIDE_PX
}
