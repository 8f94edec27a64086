// Measurements as they are drawn and shown: their points on a slice, what they come to while the hand is still moving, and
// how figures read. What is kept is measured by the server, from the volume (backend/imaging/measure.py).
import { slicePixelMm, slicePoint, type Axis, type SlicePoint, type VolumeGrid } from './geometry.ts'

export type MeasureKind = 'length' | 'angle' | 'bidirectional' | 'rectangle' | 'ellipse'
export const MEASURE_KINDS: readonly MeasureKind[] = ['length', 'angle', 'bidirectional', 'rectangle', 'ellipse']

/** Names end in their unit; values without one are in the volume's. */
export type Figures = Readonly<Record<string, number>>

export interface Measuring {
  readonly kind: MeasureKind
  readonly axis: Axis
  readonly index: number
  /** An angle's vertex is the second; of a bidirectional one the first two are one axis; a shape has two corners. */
  readonly points: readonly SlicePoint[]
}

export interface Measured extends Measuring {
  readonly id: string
  readonly figures: Figures
}

/** What the points come to, without the values of voxels. */
export function figuresOf(grid: VolumeGrid, { kind, axis, points }: Measuring): Figures {
  const mm = slicePixelMm(grid, axis)
  const step = (a: SlicePoint, b: SlicePoint) => [(b[0] - a[0]) * mm.column, (b[1] - a[1]) * mm.row] as const
  const apart = (a: SlicePoint, b: SlicePoint) => Math.hypot(...step(a, b))
  const [a, b, c, d] = points
  switch (kind) {
    case 'length':
      return { length_mm: apart(a, b) }
    case 'angle': {
      if (c === undefined) return {}
      const [ux, uy] = step(b, a), [vx, vy] = step(b, c)
      const angle = Math.abs(Math.atan2(ux * vy - uy * vx, ux * vx + uy * vy))
      return { angle_deg: (angle * 180) / Math.PI }
    }
    case 'bidirectional': {
      const lengths = [apart(a, b), ...(d === undefined ? [] : [apart(c, d)])].sort((p, q) => q - p)
      return { long_mm: lengths[0], ...(lengths.length > 1 ? { short_mm: lengths[1] } : {}) }
    }
    default: {
      const [wide, high] = step(a, b)
      return { area_mm2: Math.abs(wide * high) * (kind === 'ellipse' ? Math.PI / 4 : 1) }
    }
  }
}

/** Figures as one reads them beside the picture, a line each; `unit` is of the values. Where pixels have
 *  no size, they are counted. */
export function linesOf(figures: Figures, unit: string, sizesKnown: boolean): readonly string[] {
  const mm = sizesKnown ? 'mm' : 'px'
  const { length_mm: length, angle_deg: angle, long_mm: long, short_mm: short, area_mm2: area, mean, sd } = figures
  const lines: string[] = []
  if (length !== undefined) lines.push(`${length.toFixed(1)} ${mm}`)
  if (angle !== undefined) lines.push(`${angle.toFixed(1)}°`)
  if (long !== undefined) lines.push(short === undefined ? `${long.toFixed(1)} ${mm}` : `${long.toFixed(1)} × ${short.toFixed(1)} ${mm}`)
  if (area !== undefined) lines.push(`${area.toFixed(area < 100 ? 1 : 0)} ${mm}²`)
  if (mean !== undefined) lines.push(`${mean.toFixed(1)} ± ${(sd ?? 0).toFixed(1)} ${unit}`.trim())
  return lines
}

/** The corners of a shape's rectangle: two are set, four are seen. */
export function cornersOf([a, b]: readonly SlicePoint[]): readonly SlicePoint[] {
  return [a, slicePoint(b[0], a[1]), b, slicePoint(a[0], b[1])]
}
