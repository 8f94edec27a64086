// A label in space: where its surface is, which way it faces, and what covers what.
import assert from 'node:assert/strict'
import { test } from 'node:test'

import { LabelMasks } from '../../src/viewer/label_masks.ts'
import { ByteMask, type Mask } from '../../src/viewer/mask.ts'
import { aspectAxes, drawSolids, solidOf, type SolidImage } from '../../src/viewer/solid.ts'
import { allOrientations, LIVER, volume } from './support.ts'

const SPACING = [3, 1, 1.5] as const
const RADIUS_MM = 14

/** A ball in the middle of a grid with thick slices. */
function ball(grid: ReturnType<typeof volume>): LabelMasks {
  const [slices, rows, columns] = grid.shapeKji
  const masks = new LabelMasks(grid.shapeKji)
  const mm = (index: number, a: number) => (index - (grid.shapeKji[a] - 1) / 2) * grid.spacingKjiMm[a]
  for (let k = 0; k < slices; k++) {
    const bytes = new ByteMask(rows, columns)
    for (let j = 0; j < rows; j++) for (let i = 0; i < columns; i++) bytes.bytes[j * columns + i] = Number(Math.hypot(mm(k, 0), mm(j, 1), mm(i, 2)) <= RADIUS_MM)
    bytes.box = { x0: 0, y0: 0, x1: columns - 1, y1: rows - 1 }
    const mask: Mask = bytes.toMask()
    masks.set(LIVER, k, mask)
  }
  return masks
}

test('the surface of a ball lies on the ball and faces outwards, however the volume is stored', () => {
  for (const axisLetters of allOrientations().filter((_, n) => n % 7 === 0)) {
    const grid = volume({ shapeKji: [13, 41, 27], spacingKjiMm: SPACING, axisLetters })
    const { points, normals } = solidOf(ball(grid), LIVER, grid)!
    assert.ok(points.length > 900)
    let facing = 0
    for (let n = 0; n < points.length; n += 3) {
      const radius = Math.hypot(points[n], points[n + 1], points[n + 2])
      assert.ok(Math.abs(radius - RADIUS_MM) < 2.5, `${radius} mm`)
      const out = (points[n] * normals[n] + points[n + 1] * normals[n + 1] + points[n + 2] * normals[n + 2]) / radius
      assert.ok(out > 0.4, `facing ${out}`) // thick slices are steps
      facing += out
    }
    assert.ok(facing / (points.length / 3) > 0.9)
  }
})

test('there is no body without a voxel', () => {
  const grid = volume()
  assert.equal(solidOf(new LabelMasks(grid.shapeKji), LIVER, grid), null)
})

test('from the front the patient’s left is on the right and the head is up', () => {
  const [right, down, away] = aspectAxes({ yaw: 0, pitch: 0 })
  assert.deepEqual([right, down.map((n) => n + 0), away.map((n) => n + 0)], [[1, 0, 0], [0, 0, -1], [0, 1, 0]])
})

test('what is nearer covers what is behind it, whichever is drawn first', () => {
  const at = (y: number) => ({ points: Float32Array.of(0, y, 0), normals: Float32Array.of(0, -1, 0), cellMm: 1 })
  const front = { solid: at(-5), color: 0xff0000 }, back = { solid: at(5), color: 0x0000ff }
  for (const solids of [[front, back], [back, front]]) {
    const image: SolidImage = { width: 9, height: 9, words: new Int32Array(81), depth: new Float32Array(81) }
    drawSolids(solids, { yaw: 0, pitch: 0 }, 1, image)
    assert.equal(image.words[4 * 9 + 4] & 0xffffff, 0x0000ff, 'red is the lowest byte')
    assert.equal(image.words[0], 0)
  }
})
