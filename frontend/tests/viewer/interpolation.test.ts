// The mask between two masks, and the gaps between slices that are filled with such.
import assert from 'node:assert/strict'
import { test } from 'node:test'

import { foreseen } from '../../src/viewer/foreseen.ts'
import { between } from '../../src/viewer/interpolation.ts'
import { area, contains, emptyMask, isEmpty, sameMask, union } from '../../src/viewer/mask.ts'
import { gap, interpolate, interpolateAll } from '../../src/viewer/slice_edits.ts'
import { LIVER, maskOf, openSession, rectangle, rowsOf, show } from './support.ts'

const SQUARE_MM = { row: 1, column: 1 }

const disc = (cx: number, cy: number, r: number) => maskOf(Array.from({ length: 40 }, (_, y) =>
  Array.from({ length: 40 }, (_, x) => (Math.hypot(x - cx, y - cy) <= r ? '1' : '0')).join('')))

test('between two masks lie shapes between them: ends are the ends, discs grow evenly, moved ones move', () => {
  const small = disc(20, 20, 5), large = disc(20, 20, 15)
  assert.ok(sameMask(between(small, large, SQUARE_MM)(0), small))
  assert.ok(sameMask(between(small, large, SQUARE_MM)(1), large))
  const middle = area(between(small, large, SQUARE_MM)(0.5))
  assert.ok(Math.abs(Math.sqrt(middle / Math.PI) - 10) < 0.5, `radius ${Math.sqrt(middle / Math.PI)}`)
  const moved = between(disc(15, 20, 8), disc(25, 20, 8), SQUARE_MM)(0.5)
  assert.ok(Math.abs(area(moved) / area(disc(20, 20, 8)) - 1) < 0.05, 'not pinched on its way')
  assert.ok(rowsOf(moved)[20][20] === '1' && rowsOf(moved)[20][10] === '0' && rowsOf(moved)[20][30] === '0')
})

test('distances are millimetres: where rows are far apart a shape shrinks along columns first', () => {
  const wide = rectangle(21, 41, 0, 8, 40, 12), narrow = rectangle(21, 41, 20, 0, 20, 20)
  const square = rowsOf(between(wide, narrow, SQUARE_MM)(0.5))
  const tall = rowsOf(between(wide, narrow, { row: 10, column: 1 })(0.5))
  const width = (rows: string[]) => [...rows[10]].filter((bit) => bit === '1').length
  assert.ok(width(tall) > width(square), `${width(tall)} and ${width(square)}`)
})

test('a vessel that runs obliquely is not lost between slices where it does not overlap itself', () => {
  const middle = between(disc(12, 12, 4), disc(22, 17, 4), SQUARE_MM)(0.5)
  assert.ok(contains(middle, 17, 15) && !contains(middle, 12, 12) && !contains(middle, 22, 17))
  assert.ok(Math.abs(area(middle) / area(disc(12, 12, 4)) - 1) < 0.15, String(area(middle)))
})

test('what has nothing to become shrinks where it is, and does not pull at the others', () => {
  const kept = disc(10, 10, 5), ends = disc(32, 32, 4)
  const middle = between(union(kept, ends), kept, SQUARE_MM)(0.5)
  assert.ok(contains(middle, 32, 32) && !contains(middle, 32, 35))
  assert.equal(area(middle) - area(between(ends, emptyMask(40, 40), SQUARE_MM)(0.5)), area(kept))
  assert.ok(isEmpty(between(ends, emptyMask(40, 40), SQUARE_MM)(1)))
})

test('two that become one stay together', () => {
  const two = union(disc(12, 20, 4), disc(26, 20, 4)), one = disc(19, 20, 11)
  const middle = between(two, one, SQUARE_MM)(0.5)
  assert.ok(area(middle) > area(two) && area(middle) < area(one))
  assert.ok(contains(middle, 12, 20) && contains(middle, 26, 20))
})

test('interpolating fills the gap around the visible slice as one revision, which one undo takes back', () => {
  const { session, accepted } = openSession()
  session.edits.replaceMask(LIVER, 0, rectangle(24, 32, 4, 4, 9, 9))
  session.edits.replaceMask(LIVER, 4, rectangle(24, 32, 4, 4, 19, 19))
  show(session, 1)
  assert.deepEqual(gap(session), [0, 4])
  interpolate(session)
  assert.equal(accepted.length, 1)
  assert.deepEqual([accepted[0].origin, ...accepted[0].slices.map(({ slice }) => slice)], ['interpolation', 1, 2, 3])
  const areas = [0, 1, 2, 3, 4].map((k) => area(session.masks.get(LIVER, k)))
  assert.deepEqual(areas, areas.toSorted((a, b) => a - b))
  assert.equal(new Set(areas).size, 5)
  assert.equal(gap(session), null)
  session.undo()
  assert.equal(accepted.length, 2)
  assert.equal(accepted[1].reverts, accepted[0].id)
  assert.deepEqual([...session.masks.slices(LIVER)].sort(), [0, 4])
})

test('there is no gap outside of the outermost slices', () => {
  const { session } = openSession()
  session.edits.replaceMask(LIVER, 1, rectangle(24, 32, 4, 4, 9, 9))
  session.edits.replaceMask(LIVER, 3, rectangle(24, 32, 4, 4, 9, 9))
  for (const [slice, expected] of [[0, null], [1, null], [2, [1, 3]], [4, null]] as const) {
    show(session, slice)
    assert.deepEqual(gap(session), expected)
  }
})

test('all gaps are filled at once, except where the label is said not to be; what a gap would get is seen before', () => {
  const { session, accepted } = openSession()
  for (const slice of [0, 2, 4]) session.edits.replaceMask(LIVER, slice, rectangle(24, 32, 4, 4, 9, 9 + slice))
  session.suggestions.put([{ id: 's', labelId: LIVER, slice: 3, mask: emptyMask(24, 32), confidence: 0.9, prompts: [], model: 'm', learnedPrompt: null, instanceBoxes: [] }])
  session.suggestions.close(LIVER, [3], 'absent')
  show(session, 1)
  const seen = foreseen(session, 'interpolate')!
  assert.equal(accepted.length, 0)
  interpolateAll(session)
  assert.deepEqual(accepted.map(({ origin, slices }) => [origin, ...slices.map(({ slice }) => slice)]), [['interpolation', 1]])
  assert.ok(sameMask(session.masks.get(LIVER, 1), seen))
  session.undo()
  assert.ok(isEmpty(session.masks.get(LIVER, 1)))
})

test('what a command would make of the mask is seen without being done', () => {
  const { session, accepted } = openSession()
  session.edits.replaceMask(LIVER, 2, union(rectangle(24, 32, 4, 4, 9, 9), rectangle(24, 32, 20, 4, 20, 4)))
  assert.equal(area(foreseen(session, 'largest')!), 36)
  assert.equal(area(foreseen(session, 'largestObjects')!), 36)
  assert.ok(area(foreseen(session, 'grow')!) > 37)
  assert.equal(area(foreseen(session, 'copyNext')!), 37)
  assert.equal(foreseen(session, 'interpolate'), null, 'this slice lies in no gap')
  assert.deepEqual([accepted.length, session.history.canUndo.value], [0, false])
})
