import assert from 'node:assert/strict'
import { test } from 'node:test'

import { fitted, panned, screenPoint, toScreen, toSlice, zoomedAbout, zoomLimits, type View } from '../../src/viewer/camera.ts'
import { slicePoint, type Orientation } from '../../src/viewer/geometry.ts'

const SHAPE = { rows: 40, columns: 100 }
const PIXEL_MM = { row: 5, column: 0.8 } // a coronal slice of thick axial ones
const ORIENTATIONS: readonly Orientation[] = [false, true].flatMap((transpose) =>
  [false, true].flatMap((flipX) => [false, true].map((flipY) => ({ transpose, flipX, flipY }))))

function viewOf(orientation: Orientation): View {
  const viewport = { width: 640, height: 480 }
  return { camera: fitted(SHAPE, viewport, PIXEL_MM, orientation), viewport, pixelMm: PIXEL_MM, orientation }
}

function close(a: readonly number[], b: readonly number[], what: string): void {
  a.forEach((value, n) => assert.ok(Math.abs(value - b[n]) < 1e-6, `${what}: ${a} is not ${b}`))
}

test('screen and slice are inverse to each other, however the slice is turned', () => {
  for (const orientation of ORIENTATIONS) {
    const view = viewOf(orientation)
    const point = slicePoint(17.25, 3.5)
    close(toSlice(view, toScreen(view, point)), point, JSON.stringify(orientation))
  }
})

test('a fitted slice is whole, in the middle, and in true proportion', () => {
  for (const orientation of ORIENTATIONS) {
    const view = viewOf(orientation)
    const a = toScreen(view, slicePoint(-0.5, -0.5)), b = toScreen(view, slicePoint(99.5, 39.5))
    const width = Math.abs(a[0] - b[0]), height = Math.abs(a[1] - b[1])
    const [wide, high] = orientation.transpose ? [200, 80] : [80, 200]
    assert.ok(Math.abs(width / height - wide / high) < 1e-6)
    assert.ok(width <= 640 && height <= 480 && (width > 600 || height > 450))
    close([(a[0] + b[0]) / 2, (a[1] + b[1]) / 2], [320, 240], 'middle')
  }
})

test('zooming keeps the point under the pointer, within limits', () => {
  for (const orientation of ORIENTATIONS) {
    const view = viewOf(orientation)
    const about = screenPoint(123, 321)
    const limits = zoomLimits(view.camera, PIXEL_MM)
    const before = toSlice(view, about)
    for (const factor of [1.3, 0.7, 1e9, 1e-9]) {
      const camera = zoomedAbout(view, about, factor, limits)
      close(toSlice({ ...view, camera }, about), before, `factor ${factor}`)
      assert.ok(camera.zoom >= limits.least && camera.zoom <= limits.most)
    }
  }
})

test('panning moves the picture by as many pixels as the pointer', () => {
  for (const orientation of ORIENTATIONS) {
    const view = viewOf(orientation)
    const camera = panned(view, 30, -12)
    const before = toScreen(view, slicePoint(5, 6)), after = toScreen({ ...view, camera }, slicePoint(5, 6))
    close([after[0] - before[0], after[1] - before[1]], [30, -12], 'pan')
  }
})

test('a viewport of no size still has a camera', () => {
  const camera = fitted(SHAPE, { width: 0, height: 0 }, PIXEL_MM, ORIENTATIONS[0])
  assert.ok(camera.zoom > 0)
})
