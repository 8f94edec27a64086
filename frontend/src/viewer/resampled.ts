// Masks of one grid seen on another: every voxel shows what the nearest voxel of the first holds. For the eye only.
import { gridMap, sliceAxes, type Axis, type Triple, type VolumeGrid } from './geometry.ts'
import type { LabelMasks } from './label_masks.ts'
import { contains, type ByteMask, type Mask } from './mask.ts'

/** What a picture needs of masks that are laid over it. */
export type MaskSource = Pick<LabelMasks, 'loadInto'>

/** Masks of acquisition slices. */
export type SliceMasks = Pick<LabelMasks, 'slices' | 'get'>

export class ResampledMasks implements MaskSource {
  readonly #masks: SliceMasks
  readonly #map: (kji: Triple) => Triple

  /** `masks` are of the grid `from`, what is shown lies on `to`. */
  constructor(masks: SliceMasks, from: VolumeGrid, to: VolumeGrid) {
    this.#masks = masks
    this.#map = gridMap(to, from)
  }

  loadInto(target: ByteMask, labelId: string, axis: Axis, index: number): void {
    const { rows, columns, bytes } = target
    const { row, column } = sliceAxes(axis)
    target.clear()
    const drawn = new Map<number, Mask>(this.#masks.slices(labelId).map((slice) => [slice, this.#masks.get(labelId, slice)]))
    if (drawn.size === 0) return
    const at = (x: number, y: number) => {
      const kji = [0, 0, 0]
      kji[axis] = index
      kji[row] = y
      kji[column] = x
      return this.#map(kji as unknown as Triple)
    }
    const start = at(0, 0) // the map is linear: steps along rows and columns are the same everywhere
    const perColumn = at(1, 0).map((value, n) => value - start[n]), perRow = at(0, 1).map((value, n) => value - start[n])
    let x0 = columns, x1 = -1, y0 = rows, y1 = -1
    for (let y = 0; y < rows; y++) {
      let [k, j, i] = start.map((value, n) => value + y * perRow[n])
      for (let x = 0; x < columns; x++, k += perColumn[0], j += perColumn[1], i += perColumn[2]) {
        const mask = drawn.get(Math.round(k))
        if (mask === undefined || !contains(mask, Math.round(i), Math.round(j))) continue
        bytes[y * columns + x] = 1
        if (x < x0) x0 = x
        if (x > x1) x1 = x
        if (y < y0) y0 = y
        y1 = y
      }
    }
    if (x1 >= 0) target.box = { x0, y0, x1, y1 }
  }
}
