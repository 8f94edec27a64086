// The panes beside the main one: linked in the patient, drawn live, and left and right as one is used to them.
import assert from 'node:assert/strict'
import { test } from 'node:test'

import { screenPoint, toScreen } from '../../src/viewer/camera.ts'
import { sliceOf, slicePoint, voxelIndex, type VoxelIndex } from '../../src/viewer/geometry.ts'
import { Panes } from '../../src/viewer/panes.ts'
import { Scene } from '../../src/viewer/scene.ts'
import { ToolHost, type RawPointer } from '../../src/viewer/tools/host.ts'
import { allOrientations, LIVER, openSession, rectangle, volume } from './support.ts'

const SIZE = { width: 300, height: 240 }

function opened(grid = volume()) {
  const { session, accepted } = openSession(grid)
  const panes = new Panes(session.view)
  for (const side of panes.sides) side.viewport.value = SIZE
  return { session, accepted, panes }
}

test('a click in any pane brings all panes to that place in the patient, in all 48 orientations', () => {
  for (const axisLetters of allOrientations()) {
    const { session, panes } = opened(volume({ axisLetters, spacingKjiMm: [2.5, 0.7, 1.1] }))
    const wanted = voxelIndex(3, 17, 9)
    for (const side of panes.sides) {
      session.view.setPosition(wanted.with(0, 0) as unknown as VoxelIndex)
      const { point } = sliceOf(wanted, side.axis.value)
      const raw: RawPointer = { screen: toScreen(side.view.value, point), alt: false, ctrl: false, shift: false }
      const host = new ToolHost(session, side) // a drawing tool is in hand: beside the main pane it moves the crosshair
      session.tool.value = 'polygon'
      host.down('left', raw)
      host.up(raw)
      assert.deepEqual([...session.view.position.value], [...wanted])
      assert.equal(session.view.slice.value, wanted[0], 'the main pane followed')
    }
    panes.close()
  }
})

test('a side that is promoted changes places with the main pane', () => {
  const { session, panes } = opened()
  assert.deepEqual(panes.sides.map((side) => side.axis.value), [1, 2])
  panes.promote(panes.sides[1])
  assert.equal(session.view.axis.value, 2)
  assert.deepEqual(panes.sides.map((side) => side.axis.value), [0, 1])
})

test('layouts need three planes, and bring the crosshair', () => {
  const { session, panes } = opened()
  panes.setLayout('four')
  assert.equal(session.view.crosshair.value, true)
  panes.setLayout('one')
  assert.equal(session.view.crosshair.value, false)
  const flat = opened(volume({ shapeKji: [1, 24, 32] })).panes
  flat.setLayout('four')
  assert.equal(flat.layout.value, 'one')
})

test('window and inversion are shared, camera and turning are each pane’s own', () => {
  const { session, panes: { sides: [side] } } = opened()
  session.view.dragWindow({ width: 100, center: 50 }, 10, 0)
  assert.deepEqual(side.window.value, session.view.window.value)
  const before = session.view.view.value
  side.zoomAbout(screenPoint(10, 10), 2)
  side.rotate()
  assert.deepEqual(session.view.view.value, before)
})

test('neurological: left and right change places where both are seen, and turning and resetting go on from there', () => {
  const { session, panes } = opened()
  const sides = () => [session.view, ...panes.sides].map((view) => `${view.letters.value.left}${view.letters.value.right}`)
  assert.deepEqual(sides(), ['RL', 'RL', 'AP'])
  session.view.neurological.value = true
  assert.deepEqual(sides(), ['LR', 'LR', 'AP'])
  session.view.flip('horizontal')
  assert.equal(session.view.letters.value.left, 'R')
  session.view.rotate()
  assert.equal(session.view.letters.value.top, 'R', 'what was on the left is on top')
  session.view.reset()
  assert.deepEqual(sides(), ['LR', 'LR', 'AP'])
})

test('what is painted shows in the other planes before the pointer goes up, in a label and in a draft', () => {
  const { session, panes: { sides: [side] } } = opened()
  session.edits.replaceMask(LIVER, 1, rectangle(24, 32, 4, 4, 9, 9))
  session.view.setPosition([2, 6, 6])
  const scene = new Scene(session, side) // fixed row 6: slices x columns
  const columnsOn = (k: number) => {
    const { mask } = scene.masks().layers[0]
    return [...mask.bytes.subarray(k * mask.columns, (k + 1) * mask.columns)].flatMap((bit, x) => (bit ? [x] : []))
  }
  assert.deepEqual(columnsOn(1), [4, 5, 6, 7, 8, 9])
  assert.deepEqual(columnsOn(2), [])
  session.strokes.setRadiusMm(0.4)
  session.strokes.begin(slicePoint(12, 6), false)
  session.strokes.extend(slicePoint(14, 6))
  assert.deepEqual(columnsOn(2), [12, 13, 14])
  session.strokes.cancel()
  assert.deepEqual(columnsOn(2), [])

  session.addPrompt({ kind: 'point', x: 20, y: 6, positive: true }, false)
  session.answer(session.draft.value!.id, { mask: rectangle(24, 32, 19, 5, 22, 7), score: 1, model: 'm', learnedPrompt: null })
  const drafts = () => scene.masks().outlines.filter(({ kind }) => kind === 'draft').flatMap(({ rings }) => rings.map((ring) => [...ring]))
  assert.deepEqual(drafts(), [[22.5, 1.5, 22.5, 2.5, 18.5, 2.5, 18.5, 1.5]])
  session.strokes.begin(slicePoint(23, 6), false)
  assert.equal(drafts()[0][0], 23.5)
})
