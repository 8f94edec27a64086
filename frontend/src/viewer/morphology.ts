// Edits of a mask as a whole: fill holes, keep the largest object, smooth, grow, shrink. Pure.
import { area, ByteMask, difference, emptyMask, isEmpty, objectAt, xor, type Box, type Mask } from './mask.ts'

export interface PixelMm { readonly row: number; readonly column: number }

/** Everything that the mask encloses becomes part of it (4-neighbours: a diagonal gap is closed). */
export function filled(mask: Mask): Mask {
  if (isEmpty(mask)) return mask
  const bytes = new ByteMask(mask.rows, mask.columns).load(mask)
  const { rows, columns } = mask
  const box = grown(bytes.box, 1, rows, columns)
  const width = box.x1 - box.x0 + 1, height = box.y1 - box.y0 + 1
  const outside = new Uint8Array(width * height)
  const queue: number[] = []
  const visit = (x: number, y: number) => {
    if (x < 0 || y < 0 || x >= width || y >= height) return
    const at = y * width + x
    if (outside[at] === 1 || bytes.bytes[(y + box.y0) * columns + x + box.x0] === 1) return
    outside[at] = 1
    queue.push(at)
  }
  for (let x = 0; x < width; x++) for (const y of [0, height - 1]) visit(x, y)
  for (let y = 0; y < height; y++) for (const x of [0, width - 1]) visit(x, y)
  while (queue.length > 0) {
    const at = queue.pop()!
    const y = Math.floor(at / width), x = at - y * width
    visit(x - 1, y)
    visit(x + 1, y)
    visit(x, y - 1)
    visit(x, y + 1)
  }
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) bytes.bytes[(y + box.y0) * columns + x + box.x0] = outside[y * width + x] === 1 ? 0 : 1
  }
  bytes.box = box
  return bytes.toMask()
}

/** The object with the most voxels; the first one in column order when several have as many. */
export function largestObject(mask: Mask): Mask {
  let rest = mask, best = emptyMask(mask.rows, mask.columns), most = 0
  while (!isEmpty(rest)) {
    const column = Math.floor(rest.toggles[0] / mask.rows)
    const object = objectAt(rest, column, rest.toggles[0] - column * mask.rows)!
    const voxels = area(object)
    if (voxels > most) {
      best = object
      most = voxels
    }
    rest = difference(rest, object)
  }
  return best
}

/** Each voxel becomes what most of the 5 x 5 around it are: thin spikes and single voxels go, small notches close. */
export function smoothed(mask: Mask): Mask {
  const { rows, columns } = mask
  const before = new ByteMask(rows, columns).load(mask)
  const after = new ByteMask(rows, columns)
  after.box = grown(before.box, 2, rows, columns)
  const { x0, y0, x1, y1 } = after.box
  for (let y = y0; y <= y1; y++) {
    for (let x = x0; x <= x1; x++) {
      let inside = 0, all = 0
      for (let v = Math.max(0, y - 2); v <= Math.min(rows - 1, y + 2); v++) {
        for (let u = Math.max(0, x - 2); u <= Math.min(columns - 1, x + 2); u++) {
          inside += before.bytes[v * columns + u]
          all++
        }
      }
      after.bytes[y * columns + x] = 2 * inside > all ? 1 : 0
    }
  }
  return after.toMask()
}

/** With all voxels within a distance of the mask, measured in the patient. */
export function expanded(mask: Mask, mm: number, pixelMm: PixelMm): Mask {
  return nearer(mask, mm, pixelMm, 1)
}

/** Without the voxels within a distance of the outside; beyond the edge of the slice nothing is outside. */
export function contracted(mask: Mask, mm: number, pixelMm: PixelMm): Mask {
  return nearer(mask, mm, pixelMm, 0)
}

/** The voxels within `mm` of the mask (value 1), or all of the mask but those within `mm` of what is not (value 0). */
function nearer(mask: Mask, mm: number, pixelMm: PixelMm, value: 0 | 1): Mask {
  if (isEmpty(mask)) return mask
  const { rows, columns } = mask
  const bytes = new ByteMask(rows, columns).load(mask)
  const box = grown(bytes.box, Math.ceil(mm / Math.min(pixelMm.row, pixelMm.column)) + 1, rows, columns)
  const distance2 = squaredDistance(bytes, box, pixelMm, value)
  const result = new ByteMask(rows, columns)
  result.box = box
  const width = box.x1 - box.x0 + 1, most = mm * mm * (1 + 1e-9)
  for (let n = 0; n < distance2.length; n++) {
    const y = Math.floor(n / width), x = n - y * width
    result.bytes[(y + box.y0) * columns + x + box.x0] = (distance2[n] <= most) === (value === 1) ? 1 : 0
  }
  return result.toMask()
}

/** Without the objects (4-neighbours) of fewer voxels. */
export function withoutSmall(mask: Mask, voxels: number): Mask {
  let rest = mask, kept = emptyMask(mask.rows, mask.columns)
  while (!isEmpty(rest)) {
    const column = Math.floor(rest.toggles[0] / mask.rows)
    const object = objectAt(rest, column, rest.toggles[0] - column * mask.rows)!
    if (area(object) >= voxels) kept = xor(kept, object)
    rest = difference(rest, object)
  }
  return kept
}

function grown(box: Box, by: number, rows: number, columns: number): Box {
  if (box.x1 < box.x0) return box
  return {
    x0: Math.max(0, box.x0 - by), y0: Math.max(0, box.y0 - by),
    x1: Math.min(columns - 1, box.x1 + by), y1: Math.min(rows - 1, box.y1 + by),
  }
}

/** Millimetres to the other side of the outline inside the box: negative inside the mask, positive outside. */
export function signedDistance(mask: ByteMask, box: Box, pixelMm: PixelMm): Float64Array {
  const toInside = squaredDistance(mask, box, pixelMm, 1), toOutside = squaredDistance(mask, box, pixelMm, 0)
  return toInside.map((square, n) => Math.sqrt(square) - Math.sqrt(toOutside[n]))
}

const FAR = 1e20

/** Squared distance to the nearest voxel with this value: Felzenszwalb and Huttenlocher's lower envelope, axis by axis. */
function squaredDistance(mask: ByteMask, box: Box, pixelMm: PixelMm, value: 0 | 1): Float64Array {
  const width = box.x1 - box.x0 + 1, height = box.y1 - box.y0 + 1
  const field = new Float64Array(width * height)
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      field[y * width + x] = mask.bytes[(y + box.y0) * mask.columns + x + box.x0] === value ? 0 : FAR
    }
  }
  const longest = Math.max(width, height)
  const line = new Float64Array(longest), apex = new Int32Array(longest), edge = new Float64Array(longest + 1)
  for (let x = 0; x < width; x++) envelope(field, x, width, height, pixelMm.row ** 2, line, apex, edge)
  for (let y = 0; y < height; y++) envelope(field, y * width, 1, width, pixelMm.column ** 2, line, apex, edge)
  return field
}

function envelope(
  field: Float64Array, start: number, step: number, count: number, weight: number,
  line: Float64Array, apex: Int32Array, edge: Float64Array,
): void {
  for (let n = 0; n < count; n++) line[n] = field[start + n * step]
  let top = 0
  apex[0] = 0
  edge[0] = -Infinity
  edge[1] = Infinity
  for (let n = 1; n < count; n++) {
    const meets = (other: number) => (line[n] - line[other] + weight * (n * n - other * other)) / (2 * weight * (n - other))
    let at = meets(apex[top])
    while (at <= edge[top]) at = meets(apex[--top])
    apex[++top] = n
    edge[top] = at
    edge[top + 1] = Infinity
  }
  let part = 0
  for (let n = 0; n < count; n++) {
    while (edge[part + 1] < n) part++
    field[start + n * step] = weight * (n - apex[part]) ** 2 + line[apex[part]]
  }
}
