// Binary masks of one slice. The value `Mask` is small and immutable (the places where inside and outside change);
// `ByteMask` is the same as bytes, for painting and drawing. COCO's compressed RLE is the form on the wire.
// Contours of a mask are in contour.ts; which labels have which masks is label_masks.ts.

/** Positions, in COLUMN-major order (as COCO counts), where the mask changes state; it starts outside. Strictly increasing. */
export interface Mask {
  readonly rows: number
  readonly columns: number
  readonly toggles: Uint32Array
}

export interface CocoRle { readonly size: readonly [rows: number, columns: number]; readonly counts: string }

/** Inclusive columns x0..x1 and rows y0..y1; empty when x1 < x0. */
export interface Box { readonly x0: number; readonly y0: number; readonly x1: number; readonly y1: number }

export const EMPTY_BOX: Box = { x0: 0, y0: 0, x1: -1, y1: -1 }

export function emptyMask(rows: number, columns: number): Mask {
  return { rows, columns, toggles: new Uint32Array(0) }
}

export function isEmpty(mask: Mask): boolean {
  return mask.toggles.length === 0
}

export function sameMask(a: Mask, b: Mask): boolean {
  return a === b || (a.rows === b.rows && a.columns === b.columns && a.toggles.length === b.toggles.length &&
    a.toggles.every((position, n) => position === b.toggles[n]))
}

/** Voxels inside. */
export function area({ rows, columns, toggles }: Mask): number {
  let sum = 0
  for (let n = 0; n < toggles.length; n += 2) sum += (n + 1 < toggles.length ? toggles[n + 1] : rows * columns) - toggles[n]
  return sum
}

export function contains({ rows, columns, toggles }: Mask, column: number, row: number): boolean {
  if (column < 0 || row < 0 || column >= columns || row >= rows) return false
  return firstAfter(toggles, column * rows + row) % 2 === 1
}

/** How many entries are <= position: odd means inside. */
function firstAfter(toggles: Uint32Array, position: number): number {
  let low = 0, high = toggles.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (toggles[middle] <= position) low = middle + 1
    else high = middle
  }
  return low
}

// -- set operations, on the runs ------------------------------------------------------------------------------------------

/** `table`: bit 2 * inA + inB says whether a voxel is inside. */
function combine(a: Mask, b: Mask, table: number): Mask {
  if (a.rows !== b.rows || a.columns !== b.columns) {
    throw new RangeError(`masks of ${a.rows} x ${a.columns} and ${b.rows} x ${b.columns} do not go together`)
  }
  const fromA = a.toggles, fromB = b.toggles, countA = fromA.length, countB = fromB.length
  const out = new Uint32Array(countA + countB)
  let m = 0, n = 0, written = 0
  let inside = 0, state = 0
  while (m < countA || n < countB) {
    const nextA = m < countA ? fromA[m] : Infinity
    const nextB = n < countB ? fromB[n] : Infinity
    const position = nextA < nextB ? nextA : nextB
    if (nextA === position) { inside ^= 2; m++ }
    if (nextB === position) { inside ^= 1; n++ }
    const now = (table >> inside) & 1
    if (now !== state) {
      out[written++] = position
      state = now
    }
  }
  return { rows: a.rows, columns: a.columns, toggles: out.slice(0, written) }
}

export const xor = (a: Mask, b: Mask): Mask => combine(a, b, 0b0110)
export const union = (a: Mask, b: Mask): Mask => combine(a, b, 0b1110)
export const intersection = (a: Mask, b: Mask): Mask => combine(a, b, 0b1000)
export const difference = (a: Mask, b: Mask): Mask => combine(a, b, 0b0100)

// -- COCO compressed RLE --------------------------------------------------------------------------------------------------

/** The text that pycocotools writes, character by character. */
export function toCoco({ rows, columns, toggles }: Mask): CocoRle {
  const runs: number[] = []
  let previous = 0
  for (const position of toggles) {
    runs.push(position - previous)
    previous = position
  }
  runs.push(rows * columns - previous)
  let counts = ''
  for (let n = 0; n < runs.length; n++) {
    let rest = n > 2 ? runs[n] - runs[n - 2] : runs[n]
    for (let more = true; more;) {
      let digit = rest & 0x1f
      rest >>= 5
      more = digit & 0x10 ? rest !== -1 : rest !== 0
      if (more) digit |= 0x20
      counts += String.fromCharCode(digit + 48)
    }
  }
  return { size: [rows, columns], counts }
}

/** Reads what toCoco or pycocotools wrote. Throws RangeError for text that is no mask of its size. */
export function fromCoco({ size: [rows, columns], counts }: { size: readonly number[]; counts: string }): Mask {
  const total = rows * columns
  const runs: number[] = []
  for (let at = 0; at < counts.length;) {
    let value = 0, shift = 0, digit: number
    do {
      digit = at < counts.length ? counts.charCodeAt(at++) - 48 : -1
      if (digit < 0 || digit > 63 || shift > 30) throw new RangeError('the counts of a mask cannot be read')
      value |= (digit & 0x1f) << shift
      shift += 5
    } while (digit & 0x20)
    if (digit & 0x10 && shift < 32) value |= -1 << shift
    runs.push(runs.length > 2 ? value + runs[runs.length - 2] : value)
  }
  const toggles: number[] = []
  let position = 0
  for (const run of runs) {
    if (run < 0) throw new RangeError('a run of a mask is negative')
    position += run
    if (toggles.length > 0 && toggles[toggles.length - 1] === position) toggles.pop() // two changes at one place are none
    else toggles.push(position)
  }
  if (position !== total) throw new RangeError(`the runs cover ${position} voxels, the slice has ${total}`)
  while (toggles.length > 0 && toggles[toggles.length - 1] >= total) toggles.pop()
  return { rows, columns, toggles: Uint32Array.from(toggles) }
}

// -- bytes ----------------------------------------------------------------------------------------------------------------

/** 0 or 1 per voxel, row-major [rows, columns], with a box that encloses every 1. Loading another mask reuses the bytes. */
export class ByteMask {
  readonly rows: number
  readonly columns: number
  readonly bytes: Uint8Array
  box: Box = EMPTY_BOX

  constructor(rows: number, columns: number) {
    this.rows = rows
    this.columns = columns
    this.bytes = new Uint8Array(rows * columns)
  }

  clear(): void {
    const { x0, y0, x1, y1 } = this.box
    for (let y = y0; y <= y1; y++) this.bytes.fill(0, y * this.columns + x0, y * this.columns + x1 + 1)
    this.box = EMPTY_BOX
  }

  load({ toggles }: Mask): this {
    this.clear()
    const { rows, columns, bytes } = this
    let x0 = columns, y0 = rows, x1 = -1, y1 = -1
    for (let n = 0; n < toggles.length; n += 2) {
      const start = toggles[n], end = n + 1 < toggles.length ? toggles[n + 1] : rows * columns
      let column = Math.floor(start / rows), row = start - column * rows
      const first = row, firstColumn = column
      for (let position = start; position < end; position++) {
        bytes[row * columns + column] = 1
        if (++row === rows) {
          row = 0
          column++
        }
      }
      const lastColumn = Math.floor((end - 1) / rows), last = end - 1 - lastColumn * rows
      if (firstColumn < x0) x0 = firstColumn
      if (lastColumn > x1) x1 = lastColumn
      if (firstColumn !== lastColumn) {
        y0 = 0
        y1 = rows - 1
      } else {
        if (first < y0) y0 = first
        if (last > y1) y1 = last
      }
    }
    this.box = x1 < 0 ? EMPTY_BOX : { x0, y0, x1, y1 }
    return this
  }

  copyFrom(other: ByteMask): this {
    this.bytes.set(other.bytes)
    this.box = other.box
    return this
  }

  toMask(): Mask {
    return encode(this.rows, this.columns, this.box, (index) => this.bytes[index])
  }
}

export function boxUnion(a: Box, b: Box): Box {
  if (a.x1 < a.x0) return b
  if (b.x1 < b.x0) return a
  return { x0: Math.min(a.x0, b.x0), y0: Math.min(a.y0, b.y0), x1: Math.max(a.x1, b.x1), y1: Math.max(a.y1, b.y1) }
}

/** What lies in both; where nothing does, some empty box. */
export function boxIntersection(a: Box, b: Box): Box {
  return { x0: Math.max(a.x0, b.x0), y0: Math.max(a.y0, b.y0), x1: Math.min(a.x1, b.x1), y1: Math.min(a.y1, b.y1) }
}

/** The mask of a row-major predicate (0 or 1), which is 0 outside of the box. */
function encode(rows: number, columns: number, box: Box, at: (index: number) => number): Mask {
  const toggles: number[] = []
  let state = 0
  for (let x = box.x0; x <= box.x1; x++) {
    if (state === 1 && box.y0 > 0) {
      toggles.push(x * rows)
      state = 0
    }
    for (let y = box.y0; y <= box.y1; y++) {
      const now = at(y * columns + x)
      if (now !== state) {
        toggles.push(x * rows + y)
        state = now
      }
    }
    if (state === 1 && box.y1 < rows - 1) {
      toggles.push(x * rows + box.y1 + 1)
      state = 0
    }
  }
  const end = (box.x1 + 1) * rows
  if (state === 1 && end < rows * columns) toggles.push(end)
  return { rows, columns, toggles: Uint32Array.from(toggles) }
}

/** The connected object (4-neighbours) of a mask that holds a voxel, or null when the voxel is outside of it. */
export function objectAt(mask: Mask, column: number, row: number): Mask | null {
  if (!contains(mask, column, row)) return null
  const { rows, columns } = mask
  const all = new ByteMask(rows, columns).load(mask)
  const found = new ByteMask(rows, columns)
  const queue = [row * columns + column]
  all.bytes[queue[0]] = 0
  let x0 = column, y0 = row, x1 = column, y1 = row
  while (queue.length > 0) {
    const index = queue.pop()!
    const y = Math.floor(index / columns), x = index - y * columns
    found.bytes[index] = 1
    if (x < x0) x0 = x
    if (x > x1) x1 = x
    if (y < y0) y0 = y
    if (y > y1) y1 = y
    if (x > 0 && all.bytes[index - 1]) { all.bytes[index - 1] = 0; queue.push(index - 1) }
    if (x < columns - 1 && all.bytes[index + 1]) { all.bytes[index + 1] = 0; queue.push(index + 1) }
    if (y > 0 && all.bytes[index - columns]) { all.bytes[index - columns] = 0; queue.push(index - columns) }
    if (y < rows - 1 && all.bytes[index + columns]) { all.bytes[index + columns] = 0; queue.push(index + columns) }
  }
  found.box = { x0, y0, x1, y1 }
  return found.toMask()
}
