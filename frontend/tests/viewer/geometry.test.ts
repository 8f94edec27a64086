import assert from 'node:assert/strict'
import { test } from 'node:test'

import { matrixOf, toScreen } from '../../src/viewer/camera.ts'
import {
  displayOrientation, edgeLetters, orientationMatrix, patientPoint, planeOf, sliceAxes, sliceOf, slicePoint,
  turnedClockwise, voxelAt, voxelIndex, voxelMl, type Orientation, type Plane, type Triple,
} from '../../src/viewer/geometry.ts'
import { ViewState } from '../../src/viewer/view_state.ts'
import { allOrientations, volume } from './support.ts'

const AXES = [0, 1, 2] as const
const SHAPE: Triple = [4, 6, 5]
const SPACING: Triple = [2, 0.5, 0.75]

/** In LPS: what should grow to the right and downwards on the screen. */
const EXPECTED: Readonly<Record<Plane, readonly [right: Triple, down: Triple]>> = {
  axial: [[1, 0, 0], [0, 1, 0]], // patient's left on the right, posterior down
  coronal: [[1, 0, 0], [0, 0, -1]], // patient's left on the right, feet down
  sagittal: [[0, 1, 0], [0, 0, -1]], // anterior on the left, feet down
}

test('in all 48 orientations every plane looks as a radiologist expects, and the letters say what is true', () => {
  assert.equal(allOrientations().length, 48)
  for (const axisLetters of allOrientations()) {
    const viewed = volume({ shapeKji: SHAPE, spacingKjiMm: SPACING, axisLetters })
    const view = new ViewState(viewed, { width: 1, center: 0 })
    view.viewport.value = { width: 300, height: 300 }
    for (const axis of AXES) {
      view.setAxis(axis)
      const name = `${axisLetters.join('')} axis ${axis}`
      const [right, down] = EXPECTED[planeOf(viewed, axis)]
      const at = (mm: Triple, n: number) => mm.map((part) => part * n) as unknown as Triple
      const screenOf = (position: Triple) => {
        // The voxel (fractional) at a patient position, by the transpose of the orthogonal affine.
        const kji = [0, 1, 2].map((column) =>
          [0, 1, 2].reduce((sum, row) => sum + viewed.affineLps[row][column] * position[row], 0) / SPACING[column] ** 2)
        const { row, column } = sliceAxes(axis)
        return toScreen(view.view.value, slicePoint(kji[column], kji[row]))
      }
      const origin = screenOf([0, 0, 0]), toRight = screenOf(at(right, 3)), toBottom = screenOf(at(down, 3))
      const pxPerMm = view.view.value.camera.zoom
      assert.ok(Math.abs(toRight[0] - origin[0] - 3 * pxPerMm) < 1e-6 && Math.abs(toRight[1] - origin[1]) < 1e-6, `${name}: right`)
      assert.ok(Math.abs(toBottom[1] - origin[1] - 3 * pxPerMm) < 1e-6 && Math.abs(toBottom[0] - origin[0]) < 1e-6, `${name}: down`)

      const letters = edgeLetters(axisLetters, axis, displayOrientation(axisLetters, axis))
      const expected = { axial: 'RLAP', coronal: 'RLSI', sagittal: 'APSI' }[planeOf(viewed, axis)]
      assert.equal(letters.left + letters.right + letters.top + letters.bottom, expected, name)
    }
  }
})

test('four quarter turns are none, and one turn moves the right edge to the bottom', () => {
  for (const transpose of [false, true]) for (const flipX of [false, true]) for (const flipY of [false, true]) {
    const start: Orientation = { transpose, flipX, flipY }
    let turned = start
    for (let n = 0; n < 4; n++) turned = turnedClockwise(turned)
    assert.deepEqual(turned, start)
    const before = edgeLetters(['S', 'P', 'L'], 0, start), after = edgeLetters(['S', 'P', 'L'], 0, turnedClockwise(start))
    assert.deepEqual([after.bottom, after.left, after.top, after.right], [before.right, before.bottom, before.left, before.top])
    const [xc, yc, xr, yr] = orientationMatrix(start)
    assert.equal(Math.abs(xc * yr - yc * xr), 1)
  }
})

test('slice points and voxels name the same place along every axis', () => {
  const viewed = volume({ shapeKji: SHAPE })
  for (const axis of AXES) {
    const voxel = voxelIndex(1, 4, 3)
    const { index, point } = sliceOf(voxel, axis)
    assert.deepEqual(voxelAt(viewed, axis, index, point), voxel)
    assert.deepEqual(voxelAt(viewed, axis, index, slicePoint(point[0] + 0.49, point[1] - 0.49)), voxel)
  }
  assert.equal(voxelAt(viewed, 0, 1, slicePoint(-0.6, 2)), null)
  assert.equal(voxelAt(viewed, 0, 1, slicePoint(4.6, 2)), null)
  assert.equal(voxelAt(viewed, 0, 4, slicePoint(2, 2)), null)
})

test('millimetres and millilitres come from the affine', () => {
  const sheared = { ...volume(), affineLps: [[0, 0.5, 1, -10], [0, 2, 0, 20], [3, 0, 0, 5]] }
  assert.deepEqual(patientPoint(sheared, [2, 4, 6]), [-2, 28, 11])
  assert.equal(voxelMl(sheared), 6 / 1000)
})

test('the camera matrix is what the canvas needs: it maps the middle of the slice to the middle of the viewport', () => {
  const view = new ViewState(volume(), { width: 1, center: 0 })
  view.viewport.value = { width: 200, height: 100 }
  const [a, b, c, d, e, f] = matrixOf(view.view.value)
  const [column, row] = view.view.value.camera.center
  assert.ok(Math.abs(a * column + c * row + e - 100) < 1e-9)
  assert.ok(Math.abs(b * column + d * row + f - 50) < 1e-9)
})
