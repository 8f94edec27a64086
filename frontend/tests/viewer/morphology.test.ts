import assert from 'node:assert/strict'
import { test } from 'node:test'

import { difference, area, emptyMask, isEmpty, sameMask, union, type Mask } from '../../src/viewer/mask.ts'
import { contracted, expanded, filled, largestObject, smoothed, withoutSmall } from '../../src/viewer/morphology.ts'
import { editBy, editMask, type MaskEdit } from '../../src/viewer/slice_edits.ts'
import { KIDNEY, LIVER, maskOf, openSession, rectangle, rowsOf } from './support.ts'

test('holes are filled; bays are not, and what is open to the edge of the slice is a bay', () => {
  assert.deepEqual(rowsOf(filled(maskOf([
    '111100',
    '100101',
    '111101',
    '001111',
    '001001',
    '001011',
  ]))), [
    '111100',
    '111101',
    '111101',
    '001111',
    '001001',
    '001011',
  ])
  assert.ok(isEmpty(filled(emptyMask(4, 4))))
})

test('the largest object stays alone', () => {
  assert.deepEqual(rowsOf(largestObject(maskOf(['1100011', '1000111', '0010111']))), ['0000011', '0000111', '0000111'])
  assert.ok(isEmpty(largestObject(emptyMask(4, 4))))
})

test('smoothing takes spikes and specks away and leaves a large shape where it is', () => {
  const block = rectangle(24, 24, 6, 6, 17, 17)
  const smooth = smoothed(block)
  assert.ok(area(block) - area(smooth) <= 12 && area(block) - area(smooth) > 0, 'only corners are rounded')
  const speck = rectangle(24, 24, 2, 2, 3, 2)
  assert.ok(isEmpty(smoothed(speck)))
})

test('edits work on the open proposal, else on the label', () => {
  const { session, accepted } = openSession()
  session.edits.replaceMask(LIVER, 2, maskWithHole())
  editMask(session, filled)
  assert.equal(accepted.length, 1)
  assert.equal(area(accepted[0].slices[0].flips), 1)
  editMask(session, filled)
  assert.equal(accepted.length, 1, 'nothing to fill is no revision')
  session.addPrompt({ kind: 'point', x: 25, y: 15, positive: true }, false)
  session.answer(session.draft.value!.id, { mask: maskWithHole(), score: 1, model: 'm', learnedPrompt: null })
  editMask(session, filled)
  assert.equal(accepted.length, 1)
  session.accept()
  assert.deepEqual(rowsOf(session.masks.get(LIVER, 2)), rowsOf(filled(maskWithHole())))
})

function maskWithHole() {
  return maskOf(Array.from({ length: 24 }, (_, y) => Array.from({ length: 32 }, (_, x) =>
    (x >= 4 && x <= 8 && y >= 4 && y <= 8 && !(x === 6 && y === 6) ? '1' : '0')).join('')))
}

test('growing and shrinking go by millimetres, also where voxels are not square, and stop at the edge', () => {
  const dot = maskOf(['0000000', '0000000', '0001000', '0000000', '0000000'])
  assert.deepEqual(rowsOf(expanded(dot, 2, { row: 2, column: 1 })), ['0000000', '0001000', '0111110', '0001000', '0000000'])
  const block = maskOf(['1111000', '1111000', '1111000', '1111000', '0000000'])
  assert.deepEqual(rowsOf(contracted(block, 1, { row: 1, column: 1 })), ['1110000', '1110000', '1110000', '0000000', '0000000'])
  const ball = rectangle(40, 40, 10, 10, 29, 29)
  assert.ok(sameMask(contracted(expanded(ball, 3, { row: 1, column: 1 }), 3, { row: 1, column: 1 }), ball), 'closing a square keeps it')
})

test('objects with fewer voxels go, the others stay as they are', () => {
  const mask = maskOf(['110010', '110000', '000011', '100011'])
  assert.deepEqual(rowsOf(withoutSmall(mask, 2)), ['110000', '110000', '000011', '000011'])
  assert.ok(sameMask(withoutSmall(mask, 1), mask))
})

test('each edit by command is one step that can be undone', () => {
  const { session, accepted } = openSession()
  const start = union(rectangle(24, 32, 4, 4, 9, 9), rectangle(24, 32, 20, 20, 20, 20))
  session.edits.replaceMask(LIVER, 2, start)
  session.edits.replaceMask(KIDNEY, 2, rectangle(24, 32, 8, 0, 31, 23))
  session.strokes.setRadiusMm(1.5)
  const expected: readonly (readonly [MaskEdit, Mask])[] = [
    ['grow', expanded(start, 1, { row: 1, column: 1 })], ['shrink', rectangle(24, 32, 5, 5, 8, 8)],
    ['removeSmall', rectangle(24, 32, 4, 4, 9, 9)], ['subtractOthers', rectangle(24, 32, 4, 4, 7, 9)],
    ['addOthers', union(start, rectangle(24, 32, 8, 0, 31, 23))],
    ['keepOthers', union(rectangle(24, 32, 8, 4, 9, 9), rectangle(24, 32, 20, 20, 20, 20))],
    ['invert', difference(rectangle(24, 32, 0, 0, 31, 23), start)],
    ['keepRange', rectangle(24, 32, 6, 4, 9, 9)],
  ]
  for (const [what, mask] of expected) {
    const before = accepted.length
    session.limits.range.value = what === 'keepRange' ? [6, 9] : null // the value of a voxel is its column
    editBy(session, what)
    assert.ok(sameMask(session.masks.get(LIVER, 2), mask), what)
    assert.equal(accepted.length, before + 1)
    session.undo()
    assert.ok(sameMask(session.masks.get(LIVER, 2), start), `${what} is taken back`)
  }
  session.setLabelVisible(KIDNEY, false)
  editBy(session, 'subtractOthers')
  assert.ok(sameMask(session.masks.get(LIVER, 2), start), 'a label that is not shown takes nothing')
})
