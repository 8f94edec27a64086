// A ball that is drawn through a slice: which voxels of the slices above and below it touches. Round in millimetres, so on
// thick slices it reaches fewer of them.
import type { SlicePoint } from './geometry.ts'
import { boxUnion, ByteMask, EMPTY_BOX, type Box, type Mask } from './mask.ts'
import { reachOf, type Brush } from './stroke.ts'

export class BallTrack {
  readonly #rows: number
  readonly #columns: number
  /** Squared mm above and below each voxel of the slice that the ball reaches; negative where it never was. */
  readonly #reach2: Float32Array
  #box: Box = EMPTY_BOX
  #mostMm = 0

  constructor(rows: number, columns: number) {
    this.#rows = rows
    this.#columns = columns
    this.#reach2 = new Float32Array(rows * columns).fill(-1)
  }

  /** How far from its slice it reaches, in mm. */
  get mostMm(): number {
    return this.#mostMm
  }

  extend(from: SlicePoint, to: SlicePoint, radiusMm: number, pixelMm: Brush['pixelMm']): void {
    const box = reachOf({ rows: this.#rows, columns: this.#columns }, from, to, radiusMm, pixelMm)
    if (box.x1 < box.x0 || box.y1 < box.y0) return
    const dx = (to[0] - from[0]) * pixelMm.column, dy = (to[1] - from[1]) * pixelMm.row
    const length2 = dx * dx + dy * dy, radius2 = radiusMm * radiusMm
    for (let y = box.y0; y <= box.y1; y++) {
      const py = (y - from[1]) * pixelMm.row
      for (let x = box.x0; x <= box.x1; x++) {
        const px = (x - from[0]) * pixelMm.column
        let along = length2 > 0 ? (px * dx + py * dy) / length2 : 0
        along = along < 0 ? 0 : along > 1 ? 1 : along
        const ox = px - along * dx, oy = py - along * dy
        const left = radius2 - ox * ox - oy * oy, at = y * this.#columns + x
        if (left > this.#reach2[at]) this.#reach2[at] = left
      }
    }
    this.#box = boxUnion(this.#box, box)
    this.#mostMm = Math.max(this.#mostMm, radiusMm)
  }

  /** What it touches of the slice this many mm away. */
  at(offsetMm: number): Mask {
    const found = new ByteMask(this.#rows, this.#columns), least = offsetMm * offsetMm
    const { x0, y0, x1, y1 } = found.box = this.#box
    for (let y = y0; y <= y1; y++) {
      for (let at = y * this.#columns + x0, end = y * this.#columns + x1; at <= end; at++) found.bytes[at] = this.#reach2[at] >= least ? 1 : 0
    }
    return found.toMask()
  }
}
