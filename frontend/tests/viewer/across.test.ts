// Drawing in the planes across the acquisition plane, and how every plane shows what is being drawn in another one.
import assert from 'node:assert/strict'
import { test } from 'node:test'

import { acquisitionSlices, copyCrossing } from '../../src/viewer/across.ts'
import { slicePoint, type Axis, type Triple } from '../../src/viewer/geometry.ts'
import { area, ByteMask, contains, isEmpty } from '../../src/viewer/mask.ts'
import { Scene } from '../../src/viewer/scene.ts'
import type { Session } from '../../src/viewer/session.ts'
import { ToolHost } from '../../src/viewer/tools/host.ts'
import { KIDNEY, LIVER, openSession, over, rectangle, show } from './support.ts'

const SHAPE: Triple = [5, 24, 32]
const OTHER_AXES = [1, 2] as const

/** Shows a slice along an axis in the main pane, with a picture of one value. */
function look(session: Session, axis: Axis, index: number): void {
  const rows = axis === 0 ? SHAPE[1] : SHAPE[0], columns = axis === 2 ? SHAPE[1] : SHAPE[2]
  session.view.setAxis(axis)
  session.view.setSlice(index)
  session.view.loaded.value = { axis, index, image: { rows, columns, channels: 1, data: new Int16Array(rows * columns).fill(50) } }
}

function paint(session: Session, x: number, y: number, erase = false): void {
  session.strokes.begin(slicePoint(x, y), erase)
  session.strokes.end()
}

for (const axis of OTHER_AXES) {
  test(`a stroke along axis ${axis} is one revision of all slices that it crosses, and one undo`, () => {
    const { session, accepted } = openSession()
    look(session, axis, 12)
    session.strokes.setRadiusMm(3.5)
    paint(session, 10, 2)
    assert.deepEqual(accepted.map(({ origin, slices }) => [origin, ...slices.map(({ slice }) => slice)]), [['across', 1, 2, 3]])
    const [column, row] = axis === 1 ? [10, 12] : [12, 10]
    assert.ok(contains(session.masks.get(LIVER, 2), column, row))
    assert.equal(area(session.masks.get(LIVER, 2)), 7, 'a line of 7 mm')
    assert.equal(area(session.masks.get(LIVER, 1)), 3, '3 mm away the disc is narrower')
    session.undo()
    assert.equal(session.masks.voxels(LIVER), 0)
    assert.equal(session.view.axis.value, axis, 'what is taken back is on the screen here')
    session.redo()
    assert.equal(session.masks.voxels(LIVER), 13)
    paint(session, 10, 2, true)
    assert.equal(session.masks.voxels(LIVER), 0)
  })

  test(`a ball along axis ${axis} is the ball of the acquisition plane`, () => {
    const balls = ([0, axis] as const).map((plane) => {
      const { session } = openSession()
      session.strokes.setShape('ball')
      session.strokes.setRadiusMm(5)
      look(session, plane, plane === 0 ? 2 : 12)
      paint(session, 12, plane === 0 ? 12 : 2)
      return [0, 1, 2, 3, 4].map((slice) => area(session.masks.get(LIVER, slice)))
    })
    assert.deepEqual(balls[1], balls[0])
  })
}

test('limits hold in every plane, and labels that exclude each other yield', () => {
  const { session } = openSession()
  session.edits.replaceMask(KIDNEY, 2, rectangle(24, 32, 8, 8, 16, 16))
  session.limits.inside.value = KIDNEY
  look(session, 1, 12)
  session.strokes.setRadiusMm(10)
  paint(session, 16, 2)
  assert.deepEqual([session.masks.voxels(LIVER), area(session.masks.get(LIVER, 2))], [9, 9])
  session.limits.inside.value = null
  session.exclusive.value = true
  look(session, 1, 10)
  paint(session, 10, 2)
  assert.ok(contains(session.masks.get(LIVER, 2), 10, 10) && !contains(session.masks.get(KIDNEY, 2), 10, 10))
})

test('a side pane paints with the brush; other tools move the crosshair there', () => {
  const { session } = openSession()
  const side = session.view.beside()
  side.setAxis(2)
  side.viewport.value = { width: 640, height: 480 }
  side.loaded.value = { axis: 2, index: side.slice.value, image: { rows: 5, columns: 24, channels: 1, data: new Int16Array(120) } }
  const host = new ToolHost(session, side)
  session.tool.value = 'brush'
  const middle = { ...over(session, 0, 0), screen: [320, 240] as never }
  host.down('left', middle)
  host.up(middle)
  assert.ok(session.masks.voxels(LIVER) > 0)
  session.tool.value = 'polygon'
  assert.equal(host.cursor, 'crosshair')
  host.down('left', middle)
  assert.equal(session.outline.value, null)
})

test('while it is painted in one plane, the others show it where they cross', () => {
  const { session } = openSession()
  look(session, 1, 12)
  const beside = session.view.beside(), scene = new Scene(session, beside)
  beside.setAxis(0)
  session.strokes.setRadiusMm(3.5)
  session.strokes.begin(slicePoint(10, 2), false)
  const [layer] = scene.masks().layers
  const shown = layer.mask.bytes.reduce((sum, byte) => sum + byte, 0)
  assert.deepEqual([beside.slice.value, shown, layer.mask.bytes[12 * 32 + 10]], [2, 7, 1])
  session.strokes.cancel()
  assert.equal(scene.masks().layers.length, 0)
})

test('two slices cross in the same voxels, whichever way they are copied', () => {
  const shapes = [[24, 32], [5, 32], [5, 24]] as const
  const volume = new Uint8Array(SHAPE[0] * SHAPE[1] * SHAPE[2]).map((_, n) => ((n * 2654435761) >>> 7) & 1)
  const voxel = (k: number, j: number, i: number) => volume[(k * SHAPE[1] + j) * SHAPE[2] + i]
  const slice = (axis: Axis, index: number) => {
    const [rows, columns] = shapes[axis], mask = new ByteMask(rows, columns)
    for (let y = 0; y < rows; y++) for (let x = 0; x < columns; x++) mask.bytes[y * columns + x] = axis === 0 ? voxel(index, y, x) : axis === 1 ? voxel(y, index, x) : voxel(y, x, index)
    return mask
  }
  const index = [3, 7, 11] as const
  for (const from of [0, 1, 2] as const) {
    for (const to of [0, 1, 2] as const) {
      if (from === to) continue
      const target = slice(to, index[to]), whole = target.bytes.slice()
      copyCrossing(slice(from, index[from]), from, index[from], target, to, index[to])
      assert.deepEqual(target.bytes, whole, `${from} into ${to}`)
    }
  }
})

test('nothing drawn is nothing', () => {
  assert.deepEqual(acquisitionSlices(1, [], SHAPE), [])
  const { session, accepted } = openSession()
  look(session, 2, 5)
  paint(session, 10, 2, true)
  show(session, 2)
  assert.ok(accepted.length === 0 && isEmpty(session.masks.get(LIVER, 2)))
})
