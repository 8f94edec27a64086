// Drawing beyond the plain brush: ball, edges, limits, labels that exclude each other, livewire, level tracing, scissors,
// copies to the next slice, objects of the volume.
import assert from 'node:assert/strict'
import { test } from 'node:test'

import { BallTrack } from '../../src/viewer/ball.ts'
import { slicePoint } from '../../src/viewer/geometry.ts'
import { levelRegion } from '../../src/viewer/level.ts'
import { Wire } from '../../src/viewer/livewire.ts'
import { area, contains } from '../../src/viewer/mask.ts'
import { editObjects } from '../../src/viewer/object_edits.ts'
import type { Session } from '../../src/viewer/session.ts'
import { copyToSlice, cutThrough, editBy, fillOutline } from '../../src/viewer/slice_edits.ts'
import { ToolHost } from '../../src/viewer/tools/host.ts'
import type { SliceImage } from '../../src/viewer/windowing.ts'
import { KIDNEY, LIVER, openSession, over, rectangle, show, volume } from './support.ts'

const ROWS = 24, COLUMNS = 32

/** A picture by a function of column and row. */
function pictureOf(value: (x: number, y: number) => number, rows = ROWS, columns = COLUMNS): SliceImage {
  return { rows, columns, channels: 1, data: Int16Array.from({ length: rows * columns }, (_, n) => value(n % columns, Math.floor(n / columns))) }
}

function look(session: Session, image: SliceImage): void {
  session.view.loaded.value = { axis: 0, index: session.view.slice.value, image }
}

function stroke(session: Session, from: [number, number], to: [number, number], pressure?: number): void {
  session.strokes.begin(slicePoint(...from), false, pressure)
  session.strokes.extend(slicePoint(...to), pressure)
  session.strokes.end()
}

test('a ball holds the voxels whose centres it covers, in millimetres, on every slice', () => {
  const pixelMm = { row: 1.5, column: 0.8 }, radiusMm = 5
  const from = slicePoint(8.3, 7.1), to = slicePoint(19.6, 12.2)
  const track = new BallTrack(ROWS, COLUMNS)
  track.extend(from, to, radiusMm, pixelMm)
  for (const offsetMm of [0, 2.5, -4.9, 5.1]) {
    const mask = track.at(offsetMm)
    for (let y = 0; y < ROWS; y++) {
      for (let x = 0; x < COLUMNS; x++) {
        const dx = (to[0] - from[0]) * 0.8, dy = (to[1] - from[1]) * 1.5, px = (x - from[0]) * 0.8, py = (y - from[1]) * 1.5
        const along = Math.max(0, Math.min(1, (px * dx + py * dy) / (dx * dx + dy * dy)))
        const distance = Math.hypot(px - along * dx, py - along * dy, offsetMm)
        if (Math.abs(distance - radiusMm) > 1e-3) assert.equal(contains(mask, x, y), distance < radiusMm, `${x}, ${y}, ${offsetMm} mm`)
      }
    }
  }
})

test('a stroke of the ball is one revision and one undo on all its slices; thick slices are reached less far', () => {
  const { session, accepted } = openSession(volume({ spacingKjiMm: [3, 1, 1] }))
  session.strokes.setShape('ball')
  session.strokes.setRadiusMm(5)
  stroke(session, [12, 12], [16, 12])
  assert.deepEqual(session.masks.slices(LIVER).toSorted(), [1, 2, 3]) // 3 mm away, not 6
  assert.equal(accepted.length, 1)
  assert.ok(area(session.masks.get(LIVER, 1)) < area(session.masks.get(LIVER, 2)))
  session.undo()
  assert.deepEqual(session.masks.slices(LIVER), [])
})

test('a harder press of a pen paints wider', () => {
  const { session } = openSession()
  session.strokes.setRadiusMm(2)
  stroke(session, [12, 12], [12, 12], 2)
  assert.ok(contains(session.masks.get(LIVER, 2), 16, 12) && !contains(session.masks.get(LIVER, 2), 17, 12))
})

test('the brush that follows edges stays on its side of one', () => {
  const { session } = openSession()
  look(session, pictureOf((x, y) => (x < 14 ? 100 : 20) + ((x * 7 + y * 3) % 5)))
  session.strokes.setRadiusMm(6)
  session.strokes.setFollowsEdges(true)
  stroke(session, [11, 6], [11, 18])
  const mask = session.masks.get(LIVER, 2)
  assert.ok(contains(mask, 13, 12) && contains(mask, 7, 12))
  for (let y = 0; y < ROWS; y++) for (let x = 14; x < COLUMNS; x++) assert.ok(!contains(mask, x, y), `${x}, ${y}`)
})

test('limits hold for the brush, outlines and commands: inside of a label, in a range of values', () => {
  const { session } = openSession() // the value of a voxel is its column
  session.edits.replaceMask(KIDNEY, 2, rectangle(ROWS, COLUMNS, 4, 4, 20, 20))
  session.limits.inside.value = KIDNEY
  session.limits.range.value = [10, 30]
  session.strokes.setRadiusMm(8)
  stroke(session, [12, 4], [12, 12])
  fillOutline(session, [slicePoint(0, 0), slicePoint(31, 0), slicePoint(31, 6), slicePoint(0, 6)], false)
  editBy(session, 'grow')
  const mask = session.masks.get(LIVER, 2)
  assert.ok(area(mask) > 40)
  for (let y = 0; y < ROWS; y++) {
    for (let x = 0; x < COLUMNS; x++) if (contains(mask, x, y)) assert.ok(x >= 10 && x <= 20 && y >= 4 && y <= 20, `${x}, ${y}`)
  }
})

test('labels that exclude each other: what one gains the others that are shown lose, and one undo gives it back', () => {
  const { session, accepted } = openSession()
  session.edits.replaceMask(KIDNEY, 2, rectangle(ROWS, COLUMNS, 4, 4, 20, 20))
  const before = area(session.masks.get(KIDNEY, 2))
  session.exclusive.value = true
  session.strokes.setRadiusMm(3)
  stroke(session, [12, 12], [12, 12])
  const gained = area(session.masks.get(LIVER, 2))
  assert.equal(area(session.masks.get(KIDNEY, 2)), before - gained)
  assert.deepEqual(accepted.map(({ labelId }) => labelId), [LIVER, KIDNEY])
  session.undo()
  assert.deepEqual([area(session.masks.get(LIVER, 2)), area(session.masks.get(KIDNEY, 2))], [0, before])
  session.setLabelVisible(KIDNEY, false)
  stroke(session, [12, 12], [12, 12])
  assert.equal(area(session.masks.get(KIDNEY, 2)), before)
})

test('in an exclusive label set hidden labels yield too', () => {
  const { session } = openSession(undefined, { exclusive: true })
  session.edits.replaceMask(KIDNEY, 2, rectangle(ROWS, COLUMNS, 4, 4, 20, 20))
  const before = area(session.masks.get(KIDNEY, 2))
  session.setLabelVisible(KIDNEY, false)
  session.strokes.setRadiusMm(3)
  stroke(session, [12, 12], [12, 12])
  assert.equal(area(session.masks.get(KIDNEY, 2)), before - area(session.masks.get(LIVER, 2)))
})

const DISC = { x: 16, y: 12, r: 8 }
const disc = pictureOf((x, y) => (Math.hypot(x - DISC.x, y - DISC.y) <= DISC.r ? 200 : 50) + ((x * 5 + y * 11) % 7))

test('a wire runs along the edge between two of its points, not across', () => {
  const way = new Wire(disc, slicePoint(DISC.x - DISC.r, DISC.y)).to(slicePoint(DISC.x + DISC.r, DISC.y))
  for (const [x, y] of way) assert.ok(Math.abs(Math.hypot(x - DISC.x, y - DISC.y) - DISC.r) <= 1.8, `${x}, ${y}`)
  for (let n = 1; n < way.length; n++) assert.ok(Math.max(Math.abs(way[n][0] - way[n - 1][0]), Math.abs(way[n][1] - way[n - 1][1])) === 1)
  assert.deepEqual([...way.at(-1)!], [DISC.x + DISC.r, DISC.y])
})

test('livewire: three clicks and Enter fill the object; Backspace takes an anchor back', () => {
  const { session } = openSession()
  look(session, disc)
  session.tool.value = 'livewire'
  const host = new ToolHost(session)
  const click = (x: number, y: number) => {
    host.move(over(session, x, y))
    host.down('left', over(session, x, y))
    host.up(over(session, x, y))
  }
  click(8, 12)
  click(16, 4)
  click(30, 22) // a slip
  assert.equal(session.outline.value!.anchors.length, 3)
  assert.ok(host.back())
  click(24, 12)
  click(16, 20)
  assert.ok(host.complete())
  assert.equal(session.outline.value, null)
  const mask = session.masks.get(LIVER, 2)
  for (let y = 0; y < ROWS; y++) {
    for (let x = 0; x < COLUMNS; x++) {
      const off = Math.hypot(x - DISC.x, y - DISC.y) - DISC.r
      if (Math.abs(off) > 2) assert.equal(contains(mask, x, y), off < 0, `${x}, ${y}`)
    }
  }
})

test('level tracing: the object around a bright voxel, or a dark one, with its holes filled', () => {
  const ring = pictureOf((x, y) => { const d = Math.hypot(x - 16, y - 12); return d < 3 ? 0 : d <= 8 ? 100 : 10 })
  const bright = levelRegion(ring, 16, 6)
  assert.ok(contains(bright, 16, 12) && !contains(bright, 16, 21))
  const dark = levelRegion(ring, 16, 12)
  assert.ok(contains(dark, 16, 12) && !contains(dark, 16, 8))
  const { session } = openSession()
  look(session, ring)
  session.tool.value = 'trace'
  const host = new ToolHost(session)
  host.down('left', over(session, 16, 12))
  host.move(over(session, 16, 6))
  assert.equal(area(session.traced.value!.mask), area(bright))
  host.up(over(session, 16, 6))
  assert.equal(area(session.masks.get(LIVER, 2)), area(bright))
  host.down('left', over(session, 16, 12))
  assert.ok(host.cancel())
  assert.equal(session.traced.value, null)
})

test('scissors cut through all slices of the label as one step, or keep only what they enclose', () => {
  const { session, accepted } = openSession()
  for (const slice of [0, 2, 4]) session.edits.replaceMask(LIVER, slice, rectangle(ROWS, COLUMNS, 4, 4, 19, 19))
  const left = [slicePoint(0, 0), slicePoint(9.5, 0), slicePoint(9.5, 23), slicePoint(0, 23)]
  cutThrough(session, left, false)
  assert.deepEqual([0, 2, 4].map((slice) => area(session.masks.get(LIVER, slice))), [160, 160, 160])
  assert.equal(accepted.length, 1)
  session.undo()
  cutThrough(session, left, true)
  assert.deepEqual([0, 2, 4].map((slice) => area(session.masks.get(LIVER, slice))), [96, 96, 96])
})

test('a copy to the next slice adds to what is there and goes there', () => {
  const { session } = openSession()
  session.edits.replaceMask(LIVER, 2, rectangle(ROWS, COLUMNS, 4, 4, 9, 9))
  session.edits.replaceMask(LIVER, 3, rectangle(ROWS, COLUMNS, 8, 8, 12, 12))
  copyToSlice(session, 1)
  assert.equal(session.view.slice.value, 3)
  assert.equal(area(session.masks.get(LIVER, 3)), 36 + 25 - 4)
  show(session, 4)
  copyToSlice(session, 1) // there is no slice 5
  assert.equal(session.view.slice.value, 4)
})

test('objects of the volume hang together across slices; the second largest goes to the next label in one step', () => {
  const { session } = openSession()
  const wide = rectangle(ROWS, COLUMNS, 2, 2, 9, 9), small = rectangle(ROWS, COLUMNS, 20, 10, 24, 14), speck = rectangle(ROWS, COLUMNS, 30, 22, 30, 22)
  for (const slice of [1, 2, 3]) session.edits.replaceMask(LIVER, slice, wide)
  session.view.setSlice(2)
  for (const [n, mask] of [small, speck].entries()) {
    for (const slice of [2, 3].slice(0, 2 - n)) session.edits.replaceMask(LIVER, slice, { ...mask, toggles: Uint32Array.from([...session.masks.get(LIVER, slice).toggles, ...mask.toggles]) })
  }
  show(session, 2)
  editObjects(session, 'split')
  assert.deepEqual([2, 3].map((slice) => area(session.masks.get(KIDNEY, slice))), [25, 25])
  assert.equal(session.masks.voxels(LIVER), 3 * 64 + 1)
  session.undo()
  assert.equal(session.masks.voxels(LIVER), 3 * 64 + 50 + 1)
  session.strokes.setRadiusMm(1.5)
  editObjects(session, 'removeSmall') // a ball of 14 cubic mm; the speck has 3
  assert.equal(session.masks.voxels(LIVER), 3 * 64 + 50)
  editObjects(session, 'largest')
  assert.equal(session.masks.voxels(LIVER), 3 * 64)
})
