// The editable area: where drawing may change voxels at all. Inside of another label, and where values lie in a range. It
// holds for everything that changes one slice by hand; what the machine proposes and cuts through the volume are not drawn.
import { signal } from '@preact/signals-core'

import type { Axis } from './geometry.ts'
import type { LabelMasks } from './label_masks.ts'
import { ByteMask, intersection, xor, type Mask } from './mask.ts'
import type { SliceImage } from './windowing.ts'

export class Limits {
  /** Only inside of this label. */
  readonly inside = signal<string | null>(null)
  /** Only voxels whose value lies in the range, both ends in; of colour pictures all. */
  readonly range = signal<readonly [low: number, high: number] | null>(null)
  readonly #masks: LabelMasks

  constructor(masks: LabelMasks) {
    this.#masks = masks
  }

  get active(): boolean {
    return this.inside.value !== null || this.range.value !== null
  }

  /** 1 where voxels of a slice along an axis may change, row-major; null: everywhere. Without its picture no value is known to lie in a range. */
  allowed(axis: Axis, slice: number, rows: number, columns: number, image: SliceImage | null): ByteMask | null {
    const inside = this.inside.value, range = this.range.value
    if (inside === null && (range === null || image?.channels === 3)) return null
    const allowed = new ByteMask(rows, columns)
    if (inside === null) {
      allowed.bytes.fill(1)
      allowed.box = { x0: 0, y0: 0, x1: columns - 1, y1: rows - 1 }
    } else this.#masks.loadInto(allowed, inside, axis, slice)
    if (range === null || image?.channels === 3) return allowed
    const [low, high] = range
    for (let n = 0; n < allowed.bytes.length; n++) {
      if (image === null || image.data[n] < low || image.data[n] > high) allowed.bytes[n] = 0
    }
    return allowed
  }

  /** On a slice of the acquisition plane: `after`, but as `before` where nothing may change. */
  kept(before: Mask, after: Mask, slice: number, image: SliceImage | null): Mask {
    const allowed = this.allowed(0, slice, before.rows, before.columns, image)
    return allowed === null ? after : xor(before, intersection(xor(before, after), allowed.toMask()))
  }
}
