// From slices across the acquisition plane to slices of it: where what is drawn in one of the other planes lies. Pure.
import type { Axis, Triple } from './geometry.ts'
import { boxUnion, ByteMask, isEmpty, union, type Mask } from './mask.ts'
import type { SliceFlips } from './session_types.ts'

export interface PlaneMask { readonly index: number; readonly mask: Mask }

/** What flips in slices along axis 1 or 2, in slices of the acquisition plane, without empty ones. */
export function acquisitionSlices(axis: 1 | 2, planes: readonly PlaneMask[], [, rows, columns]: Triple): readonly SliceFlips[] {
  const decoded = planes.filter(({ mask }) => !isEmpty(mask)).map(({ index, mask }) => ({ index, bytes: new ByteMask(mask.rows, mask.columns).load(mask) }))
  const first = Math.min(...decoded.map(({ bytes }) => bytes.box.y0)), last = Math.max(...decoded.map(({ bytes }) => bytes.box.y1))
  const target = new ByteMask(rows, columns), found: SliceFlips[] = []
  for (let slice = first; slice <= last; slice++) {
    target.clear()
    for (const { index, bytes } of decoded) addLine(target, axis, index, bytes, slice)
    const flips = target.toMask()
    if (!isEmpty(flips)) found.push({ slice, flips })
  }
  return found
}

/** One part per slice. */
export function merged(parts: readonly SliceFlips[]): readonly SliceFlips[] {
  const bySlice = new Map<number, Mask>()
  for (const { slice, flips } of parts) {
    const there = bySlice.get(slice)
    bySlice.set(slice, there ? union(there, flips) : flips)
  }
  return [...bySlice].map(([slice, flips]) => ({ slice, flips }))
}

/** What a slice along `axis` holds on acquisition slice `slice`: a row of it (axis 1) or a column (axis 2). */
function addLine(target: ByteMask, axis: 1 | 2, index: number, { bytes, columns, box: { x0, x1, y0, y1 } }: ByteMask, slice: number): void {
  if (slice < y0 || slice > y1) return
  for (let x = x0; x <= x1; x++) {
    if (bytes[slice * columns + x] === 1) target.bytes[axis === 1 ? index * target.columns + x : x * target.columns + index] = 1
  }
  target.box = boxUnion(target.box, axis === 1 ? { x0, y0: index, x1, y1: index } : { x0: index, y0: x0, x1: index, y1: x1 })
}

/** Copies the line in which two slices of different axes cross from one into the other. */
export function copyCrossing(from: ByteMask, fromAxis: Axis, fromIndex: number, to: ByteMask, toAxis: Axis, toIndex: number): void {
  const along = ([0, 1, 2] as const).find((axis) => axis !== fromAxis && axis !== toAxis)!
  // In a slice, the axis that comes first runs along its rows.
  const isRow = (axis: Axis, of: Axis) => axis < ([0, 1, 2] as const).find((other) => other !== axis && other !== of)!
  const at = (slice: ByteMask, n: number, axis: Axis, crossed: number) => (isRow(along, axis) ? n * slice.columns + crossed : crossed * slice.columns + n)
  const count = isRow(along, toAxis) ? to.rows : to.columns
  for (let n = 0; n < count; n++) to.bytes[at(to, n, toAxis, fromIndex)] = from.bytes[at(from, n, fromAxis, toIndex)]
  const line = isRow(along, toAxis) ? { x0: fromIndex, y0: 0, x1: fromIndex, y1: to.rows - 1 } : { x0: 0, y0: fromIndex, x1: to.columns - 1, y1: fromIndex }
  to.box = boxUnion(to.box, line)
}
