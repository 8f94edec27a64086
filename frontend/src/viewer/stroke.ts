// Painting into a ByteMask: discs, squares and what they sweep, measured in millimetres, so that a brush has its shape in
// the patient also where voxels are not square. A voxel belongs to the stroke when its centre lies in it; positions are
// sub-pixel. How a ball reaches into other slices is ball.ts; a brush that follows edges is edge_brush.ts.
import type { SlicePoint } from './geometry.ts'
import { boxUnion, type Box, type ByteMask } from './mask.ts'

export interface Brush {
  /** Of a square: half its side. */
  readonly radiusMm: number
  readonly pixelMm: { readonly row: number; readonly column: number }
  readonly shape: 'circle' | 'square'
  readonly erase: boolean
  /** 1 where voxels may change, row-major like the mask; null: everywhere. */
  readonly allowed: Uint8Array | null
}

/** Paints from one pointer position to the next (the same point twice makes a disc). Returns the box it may have changed. */
export function paint(mask: ByteMask, from: SlicePoint, to: SlicePoint, brush: Brush): Box {
  const smallest = Math.min(brush.pixelMm.row, brush.pixelMm.column)
  return brush.radiusMm <= smallest / 2 ? paintLine(mask, from, to, brush) : paintSwept(mask, from, to, brush)
}

function paintSwept(mask: ByteMask, from: SlicePoint, to: SlicePoint, brush: Brush): Box {
  const { columns, bytes } = mask
  const { radiusMm, pixelMm } = brush
  const box = reachOf(mask, from, to, radiusMm, pixelMm)
  const dx = (to[0] - from[0]) * pixelMm.column, dy = (to[1] - from[1]) * pixelMm.row
  const covers = brush.shape === 'square' ? sweptSquare(dx, dy, radiusMm) : sweptDisc(dx, dy, radiusMm)
  for (let y = box.y0; y <= box.y1; y++) {
    const py = (y - from[1]) * pixelMm.row
    for (let x = box.x0; x <= box.x1; x++) {
      if (covers((x - from[0]) * pixelMm.column, py)) set(bytes, y * columns + x, brush)
    }
  }
  if (!brush.erase) mask.box = boxUnion(mask.box, box)
  return box
}

type Covers = (px: number, py: number) => boolean

/** Points within the radius of the way (0, 0) to (dx, dy), all in mm. */
function sweptDisc(dx: number, dy: number, radiusMm: number): Covers {
  const length2 = dx * dx + dy * dy, radius2 = radiusMm * radiusMm
  return (px, py) => {
    let along = length2 > 0 ? (px * dx + py * dy) / length2 : 0
    along = along < 0 ? 0 : along > 1 ? 1 : along
    const ox = px - along * dx, oy = py - along * dy
    return ox * ox + oy * oy <= radius2
  }
}

/** Points that an upright square covers somewhere on its way: the parts of the way where it reaches far enough across and
 *  along must have a part in common. */
function sweptSquare(dx: number, dy: number, half: number): Covers {
  return (px, py) => {
    let first = 0, last = 1
    for (let n = 0; n < 2; n++) {
      const p = n === 0 ? px : py, d = n === 0 ? dx : dy
      if (d === 0) {
        if (Math.abs(p) > half) return false
        continue
      }
      const a = (p - half) / d, b = (p + half) / d
      first = Math.max(first, Math.min(a, b))
      last = Math.min(last, Math.max(a, b))
    }
    return first <= last
  }
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

function set(bytes: Uint8Array, index: number, { erase, allowed }: Brush): void {
  if (allowed === null || allowed[index] === 1) bytes[index] = erase ? 0 : 1
}

/** The voxels that a radius around a way can touch, cut to the slice. */
export function reachOf(
  shape: { readonly rows: number; readonly columns: number }, from: SlicePoint, to: SlicePoint, radiusMm: number, pixelMm: Brush['pixelMm'],
): Box {
  const reachX = radiusMm / pixelMm.column, reachY = radiusMm / pixelMm.row
  return clipped(shape, Math.min(from[0], to[0]) - reachX, Math.min(from[1], to[1]) - reachY,
    Math.max(from[0], to[0]) + reachX, Math.max(from[1], to[1]) + reachY)
}

function clipped(shape: { readonly rows: number; readonly columns: number }, x0: number, y0: number, x1: number, y1: number): Box {
  return {
    x0: Math.max(0, Math.ceil(x0)), y0: Math.max(0, Math.ceil(y0)),
    x1: Math.min(shape.columns - 1, Math.floor(x1)), y1: Math.min(shape.rows - 1, Math.floor(y1)),
  }
}
