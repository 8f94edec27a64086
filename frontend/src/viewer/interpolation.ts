// Shape-based interpolation: the mask between two masks. What overlaps becomes one another; what lies apart but near does,
// too, as a vessel that runs obliquely through the slices; what has nothing to become shrinks where it is. Pure.
import { area, ByteMask, difference, emptyMask, intersection, isEmpty, objectAt, union, type Box, type Mask } from './mask.ts'
import { signedDistance, type PixelMm } from './morphology.ts'

/** `share` is 0 at `a` and 1 at `b`. What does not depend on it is computed once: a gap has hundreds of slices. */
export function between(a: Mask, b: Mask, pixelMm: PixelMm): Shape {
  const shapes = pairsOf(a, b, pixelMm).map(([from, to]) => morphed(from, to, pixelMm)), nothing = emptyMask(a.rows, a.columns)
  return (share) => shapes.map((shape) => shape(share)).reduce(union, nothing)
}

type Shape = (share: number) => Mask
type Pair = readonly [from: Mask, to: Mask]

/** What becomes what. One side is empty where an object has no partner. */
function pairsOf(a: Mask, b: Mask, pixelMm: PixelMm): readonly Pair[] {
  const pairs: Pair[] = []
  let restA = objectsOf(a), restB = objectsOf(b)
  const overlaps = (some: Mask) => (other: Mask) => !isEmpty(intersection(some, other))
  while (restA.length > 0) { // one that overlaps, and all that hangs together with it through overlaps
    let [from, ...others] = restA, to = emptyMask(a.rows, a.columns)
    for (let grows = true; grows;) {
      const more = restB.filter(overlaps(from))
      restB = restB.filter((object) => !more.includes(object))
      to = more.reduce(union, to)
      const back = others.filter(overlaps(to))
      others = others.filter((object) => !back.includes(object))
      from = back.reduce(union, from)
      grows = back.length > 0
    }
    restA = others
    pairs.push([from, to])
  }
  return [...withNearest(pairs, restB, pixelMm)]
}

/** Gives objects without a partner the nearest one that has none either, if it is no farther than both are wide. */
function* withNearest(pairs: readonly Pair[], alone: readonly Mask[], pixelMm: PixelMm): Iterable<Pair> {
  let rest = alone
  for (const [from, to] of pairs) {
    if (!isEmpty(to) || rest.length === 0) {
      yield [from, to]
      continue
    }
    const apart = (other: Mask) => {
      const p = middleOf(from, pixelMm), q = middleOf(other, pixelMm)
      return Math.hypot(p.x - q.x, p.y - q.y)
    }
    const nearest = rest.reduce((best, other) => (apart(other) < apart(best) ? other : best))
    const near = apart(nearest) <= widthMm(from, pixelMm) + widthMm(nearest, pixelMm)
    yield [from, near ? nearest : to]
    if (near) rest = rest.filter((other) => other !== nearest)
  }
  for (const object of rest) yield [emptyMask(object.rows, object.columns), object]
}

/** The zero line of the signed distances, weighted, with both masks moved to where the middle would be by then. */
function morphed(from: Mask, to: Mask, pixelMm: PixelMm): Shape {
  const { rows, columns } = from
  if (isEmpty(to)) return shrunk(from, pixelMm)
  if (isEmpty(from)) {
    const shape = shrunk(to, pixelMm)
    return (share) => shape(1 - share)
  }
  const first = new ByteMask(rows, columns).load(from), second = new ByteMask(rows, columns).load(to)
  const p = middleOf(from, pixelMm), q = middleOf(to, pixelMm)
  const box = grown(first.box, second.box, rows, columns)
  const da = signedDistance(first, box, pixelMm), db = signedDistance(second, box, pixelMm)
  const result = new ByteMask(rows, columns)
  result.box = box
  return (share) => {
    const [fromX, toX] = shares((q.x - p.x) / pixelMm.column, share), [fromY, toY] = shares((q.y - p.y) / pixelMm.row, share)
    for (let y = box.y0; y <= box.y1; y++) {
      for (let x = box.x0; x <= box.x1; x++) {
        const value = (1 - share) * valueAt(da, box, x - fromX, y - fromY) + share * valueAt(db, box, x + toX, y + toY)
        result.bytes[y * columns + x] = value < 0 ? 1 : 0
      }
    }
    return result.toMask()
  }
}

/** How far the one end goes and how far the other still has to, in whole voxels. */
function shares(way: number, share: number): readonly [done: number, left: number] {
  const done = Math.round(share * way)
  return [done, Math.round(way) - done]
}

/** An object on its way to nothing (`share` 1). */
function shrunk(mask: Mask, pixelMm: PixelMm): Shape {
  const bytes = new ByteMask(mask.rows, mask.columns).load(mask), box = grown(bytes.box, bytes.box, mask.rows, mask.columns)
  const distance = signedDistance(bytes, box, pixelMm), deepest = distance.reduce((least, value) => Math.min(least, value), 0)
  const width = box.x1 - box.x0 + 1
  bytes.box = box
  return (share) => {
    distance.forEach((value, n) => {
      bytes.bytes[(Math.floor(n / width) + box.y0) * mask.columns + (n % width) + box.x0] = value < share * deepest ? 1 : 0
    })
    return bytes.toMask()
  }
}

/** Beside the box as at its edge. */
function valueAt(field: Float64Array, { x0, y0, x1, y1 }: Box, x: number, y: number): number {
  return field[(Math.min(y1, Math.max(y0, y)) - y0) * (x1 - x0 + 1) + Math.min(x1, Math.max(x0, x)) - x0]
}

function objectsOf(mask: Mask): readonly Mask[] {
  const found: Mask[] = []
  for (let rest = mask; !isEmpty(rest); rest = difference(rest, found.at(-1)!)) {
    const column = Math.floor(rest.toggles[0] / mask.rows)
    found.push(objectAt(rest, column, rest.toggles[0] - column * mask.rows)!)
  }
  return found
}

/** The centre of gravity, in mm from the first voxel. */
function middleOf({ rows, columns, toggles }: Mask, pixelMm: PixelMm): { readonly x: number; readonly y: number } {
  let x = 0, y = 0, count = 0
  for (let n = 0; n < toggles.length; n += 2) {
    const end = n + 1 < toggles.length ? toggles[n + 1] : rows * columns
    for (let position = toggles[n]; position < end; position++) {
      const column = Math.floor(position / rows)
      x += column
      y += position - column * rows
      count++
    }
  }
  return { x: (x / count) * pixelMm.column, y: (y / count) * pixelMm.row }
}

/** Of the circle with the same area. */
function widthMm(mask: Mask, { row, column }: PixelMm): number {
  return 2 * Math.sqrt((area(mask) * row * column) / Math.PI)
}

/** Both boxes and a voxel around them. */
function grown(a: Box, b: Box, rows: number, columns: number): Box {
  return {
    x0: Math.max(0, Math.min(a.x0, b.x0) - 1), y0: Math.max(0, Math.min(a.y0, b.y0) - 1),
    x1: Math.min(columns - 1, Math.max(a.x1, b.x1) + 1), y1: Math.min(rows - 1, Math.max(a.y1, b.y1) + 1),
  }
}
