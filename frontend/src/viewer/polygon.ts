// The voxels inside a closed outline: those whose centres it encloses, even-odd where it crosses itself. Pure.
import type { SlicePoint } from './geometry.ts'
import { ByteMask, type Mask } from './mask.ts'

export function polygonMask(rows: number, columns: number, points: readonly SlicePoint[]): Mask {
  const bytes = new ByteMask(rows, columns)
  const top = Math.max(0, Math.ceil(Math.min(...points.map((p) => p[1]))))
  const bottom = Math.min(rows - 1, Math.floor(Math.max(...points.map((p) => p[1]))))
  for (let y = top; y <= bottom; y++) {
    const crossings = crossingsOf(points, y)
    for (let n = 0; n + 1 < crossings.length; n += 2) {
      const from = Math.max(0, Math.ceil(crossings[n])), to = Math.min(columns - 1, Math.floor(crossings[n + 1]))
      if (to >= from) bytes.bytes.fill(1, y * columns + from, y * columns + to + 1)
    }
  }
  if (bottom >= top) bytes.box = { x0: 0, y0: top, x1: columns - 1, y1: bottom }
  return bytes.toMask()
}

/** Where the outline crosses the row through voxel centres y, from left to right. A corner on the row counts once. */
function crossingsOf(points: readonly SlicePoint[], y: number): number[] {
  const found: number[] = []
  for (let n = 0; n < points.length; n++) {
    const a = points[n], b = points[(n + 1) % points.length]
    if (a[1] <= y === b[1] <= y) continue
    found.push(a[0] + ((y - a[1]) / (b[1] - a[1])) * (b[0] - a[0]))
  }
  return found.sort((p, q) => p - q)
}
