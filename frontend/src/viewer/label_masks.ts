// Which label has which mask on which slice of the acquisition plane, for the whole volume. Masks are kept as runs (a few
// hundred bytes each); bytes exist only for what is on the screen. Along the other two axes a slice is cut out of the runs.
import type { Axis, Triple } from './geometry.ts'
import { area, boxUnion, ByteMask, emptyMask, isEmpty, type Mask } from './mask.ts'

interface LabelVolume {
  readonly slices: Map<number, Mask>
  voxels: number
  /** Counts the changes: what was cut out or traced from an older version is stale. */
  version: number
}

export class LabelMasks {
  readonly #shape: Triple
  readonly #labels = new Map<string, LabelVolume>()

  constructor(shapeKji: Triple) {
    this.#shape = shapeKji
  }

  get(labelId: string, slice: number): Mask {
    return this.#labels.get(labelId)?.slices.get(slice) ?? emptyMask(this.#shape[1], this.#shape[2])
  }

  set(labelId: string, slice: number, mask: Mask): void {
    if (mask.rows !== this.#shape[1] || mask.columns !== this.#shape[2]) {
      throw new RangeError(`a mask of ${mask.rows} x ${mask.columns} does not fit slices of ${this.#shape[1]} x ${this.#shape[2]}`)
    }
    const label = this.#labelVolume(labelId)
    const before = label.slices.get(slice)
    label.voxels += area(mask) - (before === undefined ? 0 : area(before))
    label.version++
    if (isEmpty(mask)) label.slices.delete(slice)
    else label.slices.set(slice, mask)
  }

  voxels(labelId: string): number {
    return this.#labels.get(labelId)?.voxels ?? 0
  }

  version(labelId: string): number {
    return this.#labels.get(labelId)?.version ?? 0
  }

  /** Slices of the acquisition plane that hold at least one voxel of the label. */
  slices(labelId: string): readonly number[] {
    return [...(this.#labels.get(labelId)?.slices.keys() ?? [])]
  }

  has(labelId: string, slice: number): boolean {
    return this.#labels.get(labelId)?.slices.has(slice) ?? false
  }

  /** The label on one slice along any axis, into bytes of that slice's shape. */
  loadInto(target: ByteMask, labelId: string, axis: Axis, index: number): void {
    if (axis === 0) {
      target.load(this.get(labelId, index))
      return
    }
    target.clear()
    for (const [k, mask] of this.#labels.get(labelId)?.slices ?? []) addRow(target, k, mask, axis, index)
  }

  #labelVolume(labelId: string): LabelVolume {
    let label = this.#labels.get(labelId)
    if (label === undefined) {
      label = { slices: new Map(), voxels: 0, version: 0 }
      this.#labels.set(labelId, label)
    }
    return label
  }
}

/** Adds what a mask of acquisition slice `k` holds on its row `index` (axis 1) or its column `index` (axis 2), as row `k` of
 *  a slice along that axis. */
export function addRow(target: ByteMask, k: number, mask: Mask, axis: 1 | 2, index: number): void {
  let x0 = target.columns, x1 = -1
  eachInside(mask, axis, index, (x) => {
    target.bytes[k * target.columns + x] = 1
    if (x < x0) x0 = x
    if (x > x1) x1 = x
  })
  if (x1 >= 0) target.box = boxUnion(target.box, { x0, y0: k, x1, y1: k })
}

/** Whether a mask of an acquisition slice holds anything on its row `index` (axis 1) or its column `index` (axis 2). */
export function reaches(mask: Mask, axis: 1 | 2, index: number): boolean {
  let found = false
  eachInside(mask, axis, index, () => { found = true })
  return found
}

/** Visits what a mask holds on its row `index` (axis 1, visiting columns) or its column `index` (axis 2, visiting rows). */
function eachInside({ rows, columns, toggles }: Mask, axis: 1 | 2, index: number, visit: (x: number) => void): void {
  for (let n = 0; n < toggles.length; n += 2) {
    const start = toggles[n], end = n + 1 < toggles.length ? toggles[n + 1] : rows * columns
    if (axis === 1) {
      const last = Math.floor((end - 1 - index) / rows)
      for (let column = Math.ceil((start - index) / rows); column <= last; column++) visit(column)
    } else {
      const from = Math.max(start, index * rows), to = Math.min(end, (index + 1) * rows)
      for (let position = from; position < to; position++) visit(position - index * rows)
    }
  }
}
