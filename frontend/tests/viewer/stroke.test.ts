import assert from 'node:assert/strict'
import { test } from 'node:test'

import { slicePoint } from '../../src/viewer/geometry.ts'
import { ByteMask } from '../../src/viewer/mask.ts'
import { paint, type Brush } from '../../src/viewer/stroke.ts'
import { rectangle, rowsOf } from './support.ts'

const ROUND: Brush = { radiusMm: 3.3, pixelMm: { row: 1, column: 1 }, shape: 'circle', erase: false, allowed: null }

/** The definition: a voxel is painted when its centre is within the radius of the line, in millimetres. */
function expected(mask: ByteMask, from: readonly [number, number], to: readonly [number, number], brush: Brush): string[] {
  const { row, column } = brush.pixelMm
  return Array.from({ length: mask.rows }, (_, y) => Array.from({ length: mask.columns }, (_, x) => {
    const dx = (to[0] - from[0]) * column, dy = (to[1] - from[1]) * row
    const px = (x - from[0]) * column, py = (y - from[1]) * row
    const t = Math.max(0, Math.min(1, dx || dy ? (px * dx + py * dy) / (dx * dx + dy * dy) : 0))
    return Math.hypot(px - t * dx, py - t * dy) <= brush.radiusMm ? '1' : '0'
  }).join(''))
}

test('discs and capsules hold exactly the voxels whose centres they cover, at sub-pixel positions', () => {
  const strokes: [[number, number], [number, number]][] = [
    [[10, 10], [10, 10]], [[10.4, 9.6], [10.4, 9.6]], [[3.2, 4.1], [19.7, 12.9]], [[-2, 5], [26, 5.5]], [[12, -4], [12, 30]],
  ]
  for (const pixelMm of [{ row: 1, column: 1 }, { row: 2.5, column: 0.7 }]) {
    for (const [from, to] of strokes) {
      const mask = new ByteMask(20, 24)
      const brush = { ...ROUND, pixelMm }
      paint(mask, slicePoint(...from), slicePoint(...to), brush)
      assert.deepEqual(rowsOf(mask.toMask()), expected(mask, from, to, brush), `${from} to ${to}`)
    }
  }
})

test('a square sweeps every voxel that it covers somewhere on its way, its sides measured in millimetres', () => {
  for (const [from, to] of [[[10, 8], [10, 8]], [[5.3, 4.2], [17.8, 12.6]], [[4, 9], [18, 9]], [[12, 15], [12, 3]]] as [[number, number], [number, number]][]) {
    const mask = new ByteMask(20, 24), pixelMm = { row: 2, column: 1 }, radiusMm = 3
    paint(mask, slicePoint(...from), slicePoint(...to), { ...ROUND, shape: 'square', radiusMm, pixelMm })
    const steps = Array.from({ length: 2001 }, (_, n) => [from[0] + ((to[0] - from[0]) * n) / 2000, from[1] + ((to[1] - from[1]) * n) / 2000])
    const reached = (x: number, y: number, half: number) => steps.some(([sx, sy]) => Math.abs(x - sx) * pixelMm.column <= half && Math.abs(y - sy) * pixelMm.row <= half)
    for (let y = 0; y < 20; y++) {
      for (let x = 0; x < 24; x++) {
        const painted = mask.bytes[y * 24 + x] === 1
        if (reached(x, y, radiusMm - 0.02)) assert.ok(painted, `${x}, ${y}`)
        if (painted) assert.ok(reached(x, y, radiusMm + 0.02), `${x}, ${y}`)
      }
    }
  }
})

test('a fast stroke leaves no gaps', () => {
  const mask = new ByteMask(64, 64)
  const brush = { ...ROUND, radiusMm: 1 }
  paint(mask, slicePoint(2, 2), slicePoint(60, 57), brush)
  for (let t = 0; t <= 1; t += 0.001) {
    const x = Math.round(2 + 58 * t), y = Math.round(2 + 55 * t)
    assert.equal(mask.bytes[y * 64 + x], 1)
  }
})

test('the smallest brush paints exactly the voxels under the pointer', () => {
  const mask = new ByteMask(5, 6)
  const tiny = { ...ROUND, radiusMm: 0.5 }
  paint(mask, slicePoint(1.4, 1.4), slicePoint(1.4, 1.4), tiny)
  paint(mask, slicePoint(3, 3), slicePoint(5, 3), tiny)
  assert.deepEqual(rowsOf(mask.toMask()), ['000000', '010000', '000000', '000111', '000000'])
})

test('erasing takes away, and voxels that are not allowed to change do not', () => {
  const full = () => new ByteMask(6, 6).load(rectangle(6, 6, 0, 0, 5, 5))
  const allowed = Uint8Array.from({ length: 36 }, (_, n) => (n % 6 >= 3 ? 1 : 0))
  const erased = full()
  paint(erased, slicePoint(2, 2), slicePoint(2, 2), { ...ROUND, radiusMm: 1, erase: true })
  assert.deepEqual(rowsOf(erased.toMask()), ['111111', '110111', '100011', '110111', '111111', '111111'])
  const limited = full()
  paint(limited, slicePoint(2, 2), slicePoint(2, 2), { ...ROUND, radiusMm: 1, erase: true, allowed })
  assert.deepEqual(rowsOf(limited.toMask()), ['111111', '111111', '111011', '111111', '111111', '111111'])
})

test('the work of a stroke is bounded by its own box, not by the slice', () => {
  const mask = new ByteMask(1024, 1024)
  const brush = { ...ROUND, radiusMm: 40 }
  const touched = paint(mask, slicePoint(500, 500), slicePoint(520, 510), brush)
  const voxels = (touched.x1 - touched.x0 + 1) * (touched.y1 - touched.y0 + 1)
  assert.ok(voxels < 102 * 92, `${voxels} voxels looked at`)
})
