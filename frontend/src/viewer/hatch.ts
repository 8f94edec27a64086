// The stripes over masks that nobody accepted, as the pixels of a tile that repeats. The two kinds lean to opposite sides,
// so that what is under the hand (draft) and what a job proposed (suggestion) are told apart by shape alone.
import { parseColor } from './compose.ts'

export type Hatch = 'draft' | 'suggestion'

interface Style {
  readonly sidePx: number
  readonly lean: 1 | -1
  readonly widthPx: number
  /** Opacity of the colour between the stripes. */
  readonly tint: number
}

const STYLES: Readonly<Record<Hatch, Style>> = {
  draft: { sidePx: 9, lean: 1, widthPx: 1.25, tint: 0.12 },
  suggestion: { sidePx: 12, lean: -1, widthPx: 1, tint: 0 },
}
const BRIGHT = 0.75
const DARK = 0.45

/** Side of the tile in device pixels. */
export function hatchSide(kind: Hatch, pixelRatio: number): number {
  return Math.round(STYLES[kind].sidePx * pixelRatio)
}

/** RGBA bytes, side x side, row-major: one bright stripe in the colour with a dark one beside it, each diagonal. */
export function hatchTile(kind: Hatch, color: string, pixelRatio: number): Uint8ClampedArray<ArrayBuffer> {
  const { lean, widthPx, tint } = STYLES[kind]
  const side = hatchSide(kind, pixelRatio), width = widthPx * pixelRatio
  const rgb = parseColor(color), red = (rgb >> 16) & 255, green = (rgb >> 8) & 255, blue = rgb & 255
  const tile = new Uint8ClampedArray(side * side * 4)
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      const along = (((x + lean * y) % side) + side) % side // the same on every pixel of a diagonal
      const bright = BRIGHT * coverage(along, 0, side, width), dark = DARK * coverage(along, 1.5 * width, side, width)
      // Tint, then dark, then bright on top; black adds to the opacity only.
      const under = tint * (1 - dark), alpha = bright + (dark + under) * (1 - bright)
      const share = alpha === 0 ? 0 : (bright + under * (1 - bright)) / alpha
      tile.set([red * share, green * share, blue * share, 255 * alpha], (y * side + x) * 4)
    }
  }
  return tile
}

/** How much of a pixel on diagonal `along` the stripe around diagonal `centre` covers; diagonals are 1/sqrt(2) apart. */
function coverage(along: number, centre: number, side: number, width: number): number {
  const apart = Math.abs(along - centre) % side
  const distance = Math.min(apart, side - apart) * Math.SQRT1_2
  return Math.min(1, Math.max(0, width / 2 + 0.5 - distance))
}
