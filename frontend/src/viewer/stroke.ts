// Painting into a ByteMask: discs and capsules measured in millimetres, so that a brush is round in the patient also
// where voxels are not square. A voxel belongs to the stroke when its centre lies in it; positions are sub-pixel.
import type { SlicePoint } from './geometry.ts'
import { boxUnion, type Box, type ByteMask } from './mask.ts'
import type { Voxels } from './windowing.ts'

export interface Brush {
  readonly radiusMm: number
  readonly pixelMm: { readonly row: number; readonly column: number }
  readonly erase: boolean
  /** Only voxels whose value lies in the range are touched; `values` are those of the slice, one channel. */
  readonly range: { readonly values: Voxels; readonly low: number; readonly high: number } | null
}

/** Paints from one pointer position to the next (the same point twice makes a disc). Returns the box it may have changed. */
export function paint(mask: ByteMask, from: SlicePoint, to: SlicePoint, brush: Brush): Box {
  const smallest = Math.min(brush.pixelMm.row, brush.pixelMm.column)
  return brush.radiusMm <= smallest / 2 ? paintLine(mask, from, to, brush) : paintCapsule(mask, from, to, brush)
}

function paintCapsule(mask: ByteMask, from: SlicePoint, to: SlicePoint, brush: Brush): Box {
  const { columns, bytes } = mask
  const { radiusMm, pixelMm } = brush
  const reachX = radiusMm / pixelMm.column, reachY = radiusMm / pixelMm.row
  const box = clipped(mask, Math.min(from[0], to[0]) - reachX, Math.min(from[1], to[1]) - reachY,
    Math.max(from[0], to[0]) + reachX, Math.max(from[1], to[1]) + reachY)
  const dx = (to[0] - from[0]) * pixelMm.column, dy = (to[1] - from[1]) * pixelMm.row
  const length2 = dx * dx + dy * dy
  const radius2 = radiusMm * radiusMm
  for (let y = box.y0; y <= box.y1; y++) {
    const py = (y - from[1]) * pixelMm.row
    for (let x = box.x0; x <= box.x1; x++) {
      const px = (x - from[0]) * pixelMm.column
      let along = length2 > 0 ? (px * dx + py * dy) / length2 : 0
      along = along < 0 ? 0 : along > 1 ? 1 : along
      const ox = px - along * dx, oy = py - along * dy
      if (ox * ox + oy * oy <= radius2) set(bytes, y * columns + x, brush)
    }
  }
  if (!brush.erase) mask.box = boxUnion(mask.box, box)
  return box
}

/** The smallest brush: exactly the voxels that the pointer passed over. */
function paintLine(mask: ByteMask, from: SlicePoint, to: SlicePoint, brush: Brush): Box {
  const steps = Math.max(1, Math.ceil(2 * Math.max(Math.abs(to[0] - from[0]), Math.abs(to[1] - from[1]))))
  for (let step = 0; step <= steps; step++) {
    const x = Math.round(from[0] + ((to[0] - from[0]) * step) / steps)
    const y = Math.round(from[1] + ((to[1] - from[1]) * step) / steps)
    if (x >= 0 && y >= 0 && x < mask.columns && y < mask.rows) set(mask.bytes, y * mask.columns + x, brush)
  }
  const box = clipped(mask, Math.min(from[0], to[0]) - 1, Math.min(from[1], to[1]) - 1,
    Math.max(from[0], to[0]) + 1, Math.max(from[1], to[1]) + 1)
  if (!brush.erase) mask.box = boxUnion(mask.box, box)
  return box
}

function set(bytes: Uint8Array, index: number, { erase, range }: Brush): void {
  if (range !== null) {
    const value = range.values[index]
    if (value < range.low || value > range.high) return
  }
  bytes[index] = erase ? 0 : 1
}

function clipped(mask: ByteMask, x0: number, y0: number, x1: number, y1: number): Box {
  return {
    x0: Math.max(0, Math.ceil(x0)), y0: Math.max(0, Math.ceil(y0)),
    x1: Math.min(mask.columns - 1, Math.floor(x1)), y1: Math.min(mask.rows - 1, Math.floor(y1)),
  }
}
