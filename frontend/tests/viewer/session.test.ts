import assert from 'node:assert/strict'
import { test } from 'node:test'

import { proposalOf } from '../../src/viewer/draft.ts'
import { slicePoint } from '../../src/viewer/geometry.ts'
import { area, difference, emptyMask, sameMask, union, xor, type Mask } from '../../src/viewer/mask.ts'
import type { Session } from '../../src/viewer/session.ts'
import { clearSlice, copyFromSlice } from '../../src/viewer/slice_edits.ts'
import { KIDNEY, LIVER, openSession, rectangle, show } from './support.ts'

const rect = (x0: number, y0: number, x1: number, y1: number) => rectangle(24, 32, x0, y0, x1, y1)
const NONE = emptyMask(24, 32)

function click(session: Session, x: number, y: number, positive = true, held = false): void {
  session.addPrompt({ kind: 'point', x, y, positive }, held)
}

function answer(session: Session, mask: Mask, score = 0.9): boolean {
  return session.answer(session.draft.value!.id, { mask, score, model: 'sammed-small', learnedPrompt: null })
}

function stroke(session: Session, x0: number, y0: number, x1: number, y1: number, erase = false): void {
  session.strokes.setRadiusMm(0.4)
  session.strokes.begin(slicePoint(x0, y0), erase)
  session.strokes.extend(slicePoint(x1, y1))
  session.strokes.end()
}

test('clicking writes nothing; accepting writes one revision with prompts and model', () => {
  const { session, accepted } = openSession()
  click(session, 10, 10)
  assert.equal(session.accept(), false, 'there is no answer yet')
  assert.ok(answer(session, rect(8, 8, 12, 12)))
  assert.equal(accepted.length, 0)
  assert.ok(session.accept())
  assert.equal(accepted.length, 1)
  const [revision] = accepted
  assert.deepEqual({ ...revision, slices: null, id: null }, {
    id: null, labelId: LIVER, slices: null, origin: 'sam', model: 'sammed-small', learnedPrompt: null, suggestionId: null, reverts: null,
    prompts: [{ kind: 'point', x: 10, y: 10, positive: true }],
  })
  assert.ok(sameMask(revision.slices[0].flips, rect(8, 8, 12, 12)))
  assert.ok(sameMask(session.masks.get(LIVER, 2), rect(8, 8, 12, 12)))
  assert.equal(session.draft.value, null)
})

test('a second object is added to the first', () => {
  const { session, accepted } = openSession()
  session.edits.replaceMask(LIVER, 2, rect(0, 0, 5, 5))
  click(session, 20, 20)
  answer(session, union(rect(18, 18, 22, 22), rect(5, 5, 6, 6)))
  session.accept()
  assert.ok(sameMask(session.masks.get(LIVER, 2), union(union(rect(0, 0, 5, 5), rect(18, 18, 22, 22)), rect(5, 5, 6, 6))))
  assert.equal(area(accepted[0].slices[0].flips), 25 + 3, 'voxels that were inside before are not flipped')
})

test('a click inside an accepted object re-opens it: the proposal takes its place', () => {
  const { session, accepted } = openSession()
  session.edits.replaceMask(LIVER, 2, union(rect(0, 0, 5, 5), rect(20, 10, 25, 15)))
  click(session, 22, 12)
  assert.ok(sameMask(session.draft.value!.context!, rect(20, 10, 25, 15)), 'the model sees the object')
  assert.deepEqual(session.draft.value!.around, [[22, 12]], 'and changes it where it is pointed at')
  answer(session, rect(21, 11, 26, 16))
  session.accept()
  const expected = union(rect(0, 0, 5, 5), rect(21, 11, 26, 16))
  assert.ok(sameMask(session.masks.get(LIVER, 2), expected))
  assert.equal(accepted.length, 1)
})

test('an answer to older prompts is ignored', () => {
  const { session } = openSession()
  click(session, 10, 10)
  const old = session.draft.value!.id
  click(session, 12, 12)
  assert.equal(session.answer(old, { mask: rect(0, 0, 1, 1), score: 1, model: 'm', learnedPrompt: null }), false)
  assert.equal(session.draft.value!.answered, false)
})

test('refining sends what is on the screen as a mask; removing the last prompt does not', () => {
  const { session } = openSession()
  click(session, 10, 10)
  assert.equal(session.draft.value!.context, null)
  answer(session, rect(8, 8, 12, 12))
  click(session, 14, 14, false)
  assert.ok(sameMask(session.draft.value!.context!, rect(8, 8, 12, 12)))
  assert.deepEqual(session.draft.value!.around, [], 'what the model alone has made may change everywhere')
  session.removeLastPrompt()
  assert.equal(session.draft.value!.context, null)
  assert.equal(session.draft.value!.prompts.length, 1)
  session.removeLastPrompt()
  assert.equal(session.draft.value, null)
})

test('with Ctrl held prompts are collected and nothing is to be asked until it is released', () => {
  const { session } = openSession()
  click(session, 10, 10, true, true)
  click(session, 12, 12, true, true)
  assert.equal(session.draft.value!.held, true)
  assert.equal(session.accept(), false)
  session.askNow()
  assert.equal(session.draft.value!.held, false)
  assert.equal(session.draft.value!.prompts.length, 2)
})

test('there is one box at most', () => {
  const { session } = openSession()
  session.addPrompt({ kind: 'box', x0: 1, y0: 1, x1: 5, y1: 5 }, false)
  click(session, 3, 3)
  session.addPrompt({ kind: 'box', x0: 2, y0: 2, x1: 9, y1: 9 }, false)
  assert.deepEqual(session.draft.value!.prompts.map((prompt) => prompt.kind), ['point', 'box'])
})

test('a proposal waits on its slice while others are looked at', () => {
  const { session, accepted } = openSession()
  click(session, 10, 10)
  const { id } = session.draft.value!
  show(session, 3)
  assert.equal(session.draft.value, null)
  assert.ok(session.answer(id, { mask: rect(8, 8, 12, 12), score: 0.5, model: 'm', learnedPrompt: null }), 'the answer finds its slice')
  assert.equal(session.accept(), false)
  show(session, 2)
  assert.ok(session.accept())
  assert.equal(accepted[0].slices[0].slice, 2)
})

test('a brush stroke is one manual revision at pointer-up', () => {
  const { session, accepted } = openSession()
  stroke(session, 3, 3, 6, 3)
  assert.equal(accepted.length, 1)
  assert.equal(accepted[0].origin, 'manual')
  assert.ok(sameMask(accepted[0].slices[0].flips, rect(3, 3, 6, 3)))
  stroke(session, 3, 3, 6, 3)
  assert.equal(accepted.length, 1, 'a stroke that changes nothing is no revision')
  stroke(session, 4, 3, 4, 3, true)
  assert.equal(area(session.masks.get(LIVER, 2)), 3)
})

test('a cancelled stroke leaves no trace', () => {
  const { session, accepted } = openSession()
  session.strokes.begin(slicePoint(5, 5), false)
  session.strokes.extend(slicePoint(9, 9))
  session.strokes.cancel()
  session.strokes.end()
  assert.equal(accepted.length, 0)
  assert.ok(sameMask(session.masks.get(LIVER, 2), NONE))
})

test('the brush corrects an open proposal: click, fix, Enter is one revision, and the hand outlives the next answer', () => {
  const { session, accepted } = openSession()
  click(session, 10, 10)
  answer(session, rect(8, 8, 12, 12))
  stroke(session, 14, 8, 16, 8)
  stroke(session, 8, 12, 12, 12, true)
  assert.equal(accepted.length, 0)
  click(session, 9, 9)
  answer(session, rect(7, 7, 12, 12))
  const expected = union(difference(rect(7, 7, 12, 12), rect(8, 12, 12, 12)), rect(14, 8, 16, 8))
  assert.ok(sameMask(proposalOf(session.draft.value!), expected))
  session.accept()
  assert.equal(accepted.length, 1)
  assert.ok(sameMask(accepted[0].slices[0].flips, expected))
})

test('the last word of the hand counts: what was erased and painted again is inside', () => {
  const { session } = openSession()
  click(session, 10, 10)
  answer(session, rect(8, 8, 12, 12))
  stroke(session, 8, 10, 12, 10, true)
  stroke(session, 10, 10, 11, 10)
  assert.ok(sameMask(proposalOf(session.draft.value!), difference(rect(8, 8, 12, 12), union(rect(8, 10, 9, 10), rect(12, 10, 12, 10)))))
})

test('an answer that comes while the hand is painting is kept, with the stroke on top', () => {
  const { session } = openSession()
  click(session, 10, 10)
  session.strokes.setRadiusMm(0.4)
  session.strokes.begin(slicePoint(20, 4), false)
  answer(session, rect(8, 8, 12, 12))
  session.strokes.extend(slicePoint(22, 4))
  session.strokes.end()
  assert.ok(sameMask(proposalOf(session.draft.value!), union(rect(8, 8, 12, 12), rect(20, 4, 22, 4))))
  assert.ok(session.draft.value!.answered)
})

test('without a model the brush still gets through: what was painted into the proposal is accepted as manual', () => {
  const { session, accepted } = openSession()
  click(session, 10, 10)
  stroke(session, 8, 10, 12, 10)
  assert.ok(session.accept())
  assert.deepEqual([accepted[0].origin, accepted[0].model], ['manual', null])
  assert.ok(sameMask(accepted[0].slices[0].flips, rect(8, 10, 12, 10)))
})

test('undo after accepting takes the revision back by a new one and gives the proposal back', () => {
  const { session, accepted } = openSession()
  click(session, 10, 10)
  answer(session, rect(8, 8, 12, 12))
  session.accept()
  show(session, 4)
  session.undo()
  assert.equal(session.view.slice.value, 2, 'the view goes where the change is')
  assert.ok(sameMask(session.masks.get(LIVER, 2), NONE))
  assert.ok(session.draft.value?.answered)
  assert.deepEqual(accepted.map(({ origin, reverts }) => [origin, reverts]), [['sam', null], ['undo', accepted[0].id]])
  assert.ok(sameMask(accepted[0].slices[0].flips, accepted[1].slices[0].flips))
  session.redo()
  assert.ok(sameMask(session.masks.get(LIVER, 2), rect(8, 8, 12, 12)))
  assert.equal(session.draft.value, null)
  assert.equal(accepted[2].reverts, accepted[1].id)
})

test('undo takes back single prompts while a proposal is open', () => {
  const { session, accepted } = openSession()
  click(session, 10, 10)
  answer(session, rect(8, 8, 12, 12))
  click(session, 14, 14, false)
  answer(session, rect(8, 8, 11, 11))
  session.undo()
  assert.equal(session.draft.value!.prompts.length, 1)
  assert.ok(sameMask(proposalOf(session.draft.value!), rect(8, 8, 12, 12)), 'with the answer of that time')
  session.undo()
  assert.equal(session.draft.value, null)
  assert.equal(accepted.length, 0)
})

test('undo leaves voxels alone that somebody else changed since', () => {
  const { session } = openSession()
  stroke(session, 3, 3, 6, 3)
  session.edits.replaceMask(LIVER, 2, union(rect(5, 3, 6, 3), rect(0, 0, 1, 0))) // another tab took 3 and 4 away and added two
  session.undo()
  assert.ok(sameMask(session.masks.get(LIVER, 2), rect(0, 0, 1, 0)))
})

test('labels are independent: accepting one leaves the others as they are', () => {
  const { session, accepted } = openSession()
  session.edits.replaceMask(LIVER, 2, rect(0, 0, 9, 9))
  session.setActiveLabel(KIDNEY)
  click(session, 5, 5)
  assert.equal(session.draft.value!.base, null)
  answer(session, rect(4, 4, 6, 6))
  session.accept()
  assert.equal(accepted[0].labelId, KIDNEY)
  assert.ok(sameMask(session.masks.get(LIVER, 2), rect(0, 0, 9, 9)))
})

test('choosing another label takes the open proposal along', () => {
  const { session, accepted } = openSession()
  click(session, 5, 5)
  answer(session, rect(4, 4, 6, 6))
  session.setActiveLabel(KIDNEY)
  session.accept()
  assert.equal(accepted[0].labelId, KIDNEY)
  assert.ok(sameMask(session.masks.get(LIVER, 2), NONE))
})

test('clearing and copying are one revision each', () => {
  const { session, accepted } = openSession()
  session.edits.replaceMask(LIVER, 1, rect(2, 2, 4, 4))
  session.edits.replaceMask(LIVER, 2, rect(4, 4, 5, 5))
  copyFromSlice(session, -1)
  assert.ok(sameMask(session.masks.get(LIVER, 2), union(rect(2, 2, 4, 4), rect(4, 4, 5, 5))))
  clearSlice(session)
  assert.ok(sameMask(session.masks.get(LIVER, 2), NONE))
  assert.equal(accepted.length, 2)
  session.undo()
  session.undo()
  assert.ok(sameMask(session.masks.get(LIVER, 2), rect(4, 4, 5, 5)))
})

test('flips of every revision replayed on the server give the mask on the screen', () => {
  const { session, accepted } = openSession()
  stroke(session, 3, 3, 9, 9)
  click(session, 20, 12)
  answer(session, rect(15, 8, 25, 16))
  session.accept()
  stroke(session, 15, 8, 25, 16, true)
  session.undo()
  session.undo()
  session.redo()
  const replayed = accepted.reduce((mask, { slices }) => xor(mask, slices[0].flips), NONE)
  assert.ok(sameMask(replayed, session.masks.get(LIVER, 2)))
})

test('nothing is drawn outside of the acquisition plane or on a slice that has not arrived', () => {
  const { session } = openSession()
  session.view.setAxis(1)
  assert.equal(session.canDraw.value, false)
  click(session, 3, 3)
  assert.equal(session.strokes.begin(slicePoint(3, 3), false), false)
  session.view.setAxis(0)
  session.view.setSlice(4)
  click(session, 3, 3)
  assert.equal(session.drafts.value.size, 0)
  assert.equal(session.strokes.begin(slicePoint(3, 3), false), false)
})
