// Two grids of one patient, linked: the same place in millimetres in both, whatever their spacing, direction and reach.
import assert from 'node:assert/strict'
import { test } from 'node:test'

import { toScreen } from '../../src/viewer/camera.ts'
import {
  beyondMm, gridMap, patientPoint, planeOf, sliceOf, slicePoint, tiltDegrees, type Affine, type Triple,
} from '../../src/viewer/geometry.ts'
import { LabelMasks } from '../../src/viewer/label_masks.ts'
import { linkViews } from '../../src/viewer/linked.ts'
import { area, ByteMask } from '../../src/viewer/mask.ts'
import { ResampledMasks } from '../../src/viewer/resampled.ts'
import { shownMasks } from '../../src/viewer/shown_masks.ts'
import { ViewState, type ViewedVolume } from '../../src/viewer/view_state.ts'
import { allOrientations, LIVER, openSession, rectangle, show, volume } from './support.ts'

/** Sagittal slices of other spacings that lean by 12 degrees about the front-back axis, somewhere else. */
function leaning(): ViewedVolume {
  const c = Math.cos((12 * Math.PI) / 180), s = Math.sin((12 * Math.PI) / 180)
  const affineLps: Affine = [[6 * c, 2.5 * s, 0, -20], [0, 0, 4, 3], [6 * s, -2.5 * c, 0, 11], [0, 0, 0, 1]]
  return { ...volume({ shapeKji: [9, 12, 8], spacingKjiMm: [6, 2.5, 4] }), axisLetters: ['L', 'I', 'P'], affineLps }
}

function near(a: readonly number[], b: readonly number[], tolerance = 1e-6): void {
  for (const [n, value] of a.entries()) assert.ok(Math.abs(value - b[n]) <= tolerance, `${a} is not ${b}`)
}

function linked(first = volume({ shapeKji: [20, 24, 32] }), second = leaning()) {
  const main = new ViewState(first, { width: 100, center: 50 }), other = new ViewState(second, { width: 10, center: 5 })
  for (const view of [main, other]) view.viewport.value = { width: 400, height: 300 }
  return { main, other, stop: linkViews(main, other) }
}

test('a place keeps its millimetres from one grid to the other and back', () => {
  for (const axisLetters of allOrientations()) {
    const from = volume({ axisLetters, spacingKjiMm: [2.5, 0.7, 1.1] }), to = leaning()
    for (const kji of [[0, 0, 0], [3.25, 17, 9.5], [-4, 30, 2]] as unknown as Triple[]) {
      const there = gridMap(from, to)(kji)
      near(patientPoint(to, there), patientPoint(from, kji))
      near(gridMap(to, from)(there), kji)
    }
  }
})

test('what is looked at in one is looked at in the other, in the same plane, each on its nearest slice', () => {
  const { main, other, stop } = linked()
  for (const axis of [0, 1, 2] as const) {
    main.setAxis(axis)
    assert.equal(planeOf(other.volume, other.axis.value), planeOf(main.volume, axis))
    assert.deepEqual(other.letters.value, main.letters.value)
    main.setPosition([7, 5, 9])
    near(patientPoint(other.volume, other.crossing.value), patientPoint(main.volume, [7, 5, 9]))
    assert.deepEqual([...other.position.value], other.crossing.value.map((value, n) => Math.min(other.volume.shapeKji[n] - 1, Math.max(0, Math.round(value)))))
  }
  stop()
  main.setPosition([1, 1, 1])
  assert.notDeepEqual(patientPoint(other.volume, other.crossing.value), patientPoint(main.volume, [1, 1, 1]))
})

test('scrolling the finer one step by step moves the coarser when it is time, and never throws anybody back', () => {
  const coarse = volume({ shapeKji: [6, 24, 32], spacingKjiMm: [5, 1, 1] }), fine = volume({ shapeKji: [30, 48, 64], spacingKjiMm: [1, 0.5, 0.5] })
  const { main, other } = linked(coarse, fine)
  main.setPosition([2, 11, 13])
  const inPlane = main.crossing.value.slice(1)
  for (let k = 10; k < 30; k++) {
    other.setSlice(k)
    assert.equal(other.slice.value, k)
    assert.equal(main.slice.value, Math.min(5, Math.round(k / 5)))
    near(main.crossing.value.slice(1), inPlane)
  }
  near([beyondMm(main.volume, 0, main.crossing.value)], [29 - 27.5]) // the coarse one ends half a slice behind its last
  main.setSlice(1)
  assert.equal(other.slice.value, 5)
})

test('zoom and shift are those of the other: one point of the patient lies at one place of both pictures', () => {
  const { main, other } = linked(undefined, volume({ shapeKji: [9, 50, 70], spacingKjiMm: [2, 0.6, 0.6], axisLetters: ['I', 'A', 'R'] }))
  const map = gridMap(main.volume, other.volume)
  const samePlace = () => {
    const { point } = sliceOf([main.slice.value, 6, 8], 0)
    near(toScreen(other.view.value, sliceOf(map([main.slice.value, 6, 8]), other.axis.value).point), toScreen(main.view.value, point), 1e-6)
  }
  samePlace()
  main.zoomAbout(toScreen(main.view.value, slicePoint(3, 4)), 1.7)
  main.panBy(31, -12)
  samePlace()
  other.panBy(-50, 20)
  other.zoomAbout(toScreen(other.view.value, slicePoint(30, 20)), 0.8)
  samePlace()
  main.rotate()
  samePlace()
  other.flip('horizontal')
  samePlace()
  main.neurological.value = true
  samePlace()
  for (const axis of [1, 2, 0] as const) {
    main.setAxis(axis)
    assert.equal(other.view.value.camera.zoom, main.view.value.camera.zoom)
    near(toScreen(other.view.value, sliceOf(map([4, 6, 8]), other.axis.value).point), toScreen(main.view.value, sliceOf([4, 6, 8], axis).point))
  }
  other.setCamera(null)
  assert.equal(main.camera.value, null, 'fitting one fits both')
  samePlace()
})

test('where the other series ends is said in millimetres, and how much its slices lean in degrees', () => {
  const { main, other } = linked(volume({ shapeKji: [20, 24, 32] }), volume({ shapeKji: [4, 24, 32] }))
  main.setSlice(3)
  assert.equal(beyondMm(other.volume, 0, other.crossing.value), 0)
  main.setSlice(9)
  assert.equal(other.slice.value, 3)
  near([beyondMm(other.volume, 0, other.crossing.value)], [16.5])
  const tilts = [[0, 1], [1, 2], [2, 0]] as const // the same planes of both
  near(tilts.map(([a, b]) => tiltDegrees(main.volume, a, leaning(), b)), [12, 0, 12], 1e-6)
})

test('masks on another grid: each voxel holds what the nearest voxel of theirs holds', () => {
  const from = volume({ shapeKji: [6, 24, 32] }), masks = new LabelMasks(from.shapeKji)
  masks.set(LIVER, 1, rectangle(24, 32, 4, 2, 20, 15))
  masks.set(LIVER, 2, rectangle(24, 32, 6, 5, 25, 20))
  for (const to of [leaning(), volume({ shapeKji: [12, 9, 60], spacingKjiMm: [1.3, 2.2, 0.6], axisLetters: ['P', 'L', 'S'] })]) {
    const map = gridMap(to, from), seen = new ResampledMasks(masks, from, to)
    let inside = 0
    for (const axis of [0, 1, 2] as const) {
      const row = axis === 0 ? 1 : 0, column = axis === 2 ? 1 : 2
      const target = new ByteMask(to.shapeKji[row], to.shapeKji[column])
      for (let index = 0; index < to.shapeKji[axis]; index++) {
        seen.loadInto(target, LIVER, axis, index)
        for (let y = 0; y < target.rows; y++) {
          for (let x = 0; x < target.columns; x++) {
            const kji = [0, 0, 0]
            kji[axis] = index
            kji[row] = y
            kji[column] = x
            const [k, j, i] = map(kji as unknown as Triple).map(Math.round)
            const [x0, y0, x1, y1] = k === 1 ? [4, 2, 20, 15] : k === 2 ? [6, 5, 25, 20] : [1, 1, 0, 0]
            const expected = i >= x0 && i <= x1 && j >= y0 && j <= y1 ? 1 : 0
            assert.equal(target.bytes[y * target.columns + x], expected)
            inside += expected
          }
        }
      }
    }
    assert.ok(inside > 50)
  }
})

test('pictures of other grids are shown what the own ones show: a draft takes the place of a suggestion and of what it re-opened', () => {
  const { session } = openSession()
  const full = rectangle(24, 32, 2, 2, 9, 9), proposed = rectangle(24, 32, 12, 4, 20, 9)
  const shown = shownMasks(session)
  const at = (slice: number) => [shown.accepted, shown.suggested, shown.drafted].map((masks) => (masks.slices(LIVER).includes(slice) ? area(masks.get(LIVER, slice)) : 0))
  session.edits.replaceMask(LIVER, 2, full)
  session.edits.replaceMask(LIVER, 3, full)
  session.suggestions.put([2, 4].map((slice) => ({
    id: `s${slice}`, labelId: LIVER, slice, mask: proposed, confidence: 0.9, prompts: [], instanceBoxes: [], model: 'm', learnedPrompt: null,
  })))
  assert.deepEqual([2, 3, 4].map(at), [[64, 54, 0], [64, 0, 0], [0, 54, 0]])
  show(session, 3)
  session.addPrompt({ kind: 'point', x: 4, y: 4, positive: true }, false) // re-opens the object
  assert.deepEqual(at(3), [0, 0, 64])
  show(session, 4)
  session.addPrompt({ kind: 'point', x: 14, y: 6, positive: true }, false) // takes the suggestion
  assert.deepEqual(at(4), [0, 0, 54])
})
