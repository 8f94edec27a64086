import assert from 'node:assert/strict'
import { test } from 'node:test'

import { draftOf, proposalOf } from '../../src/viewer/draft.ts'
import { hatchSide, hatchTile } from '../../src/viewer/hatch.ts'
import { slicePoint } from '../../src/viewer/geometry.ts'
import { area, emptyMask, isEmpty, sameMask, union } from '../../src/viewer/mask.ts'
import { drawOverlay } from '../../src/viewer/overlay.ts'
import { Scene } from '../../src/viewer/scene.ts'
import type { Decision, Session } from '../../src/viewer/session.ts'
import { copyFromSlice } from '../../src/viewer/slice_edits.ts'
import type { Suggestion } from '../../src/viewer/suggestions.ts'
import { ToolHost } from '../../src/viewer/tools/host.ts'
import { KIDNEY, LIVER, moved, openSession, over, rectangle, show } from './support.ts'

const rect = (x0: number, y0: number, x1: number, y1: number) => rectangle(24, 32, x0, y0, x1, y1)

function suggestion(slice: number, more: Partial<Suggestion> = {}): Suggestion {
  return {
    id: `s${slice}`, labelId: LIVER, slice, mask: rect(8, 8, 12, 12), confidence: 0.6, model: 'sammed-small', learnedPrompt: 'l1', instanceBoxes: [],
    prompts: [{ kind: 'point', x: 10, y: 10, positive: true }, { kind: 'point', x: 20, y: 20, positive: false }], ...more,
  }
}

function open() {
  const decisions: Decision[] = []
  const opened = openSession(undefined, { onDecision: (decision) => decisions.push(decision) })
  return { ...opened, decisions, openSlices: () => [...opened.session.suggestions.openOf(LIVER).keys()] }
}

const asked = (session: Session) => session.draft.value!.prompts

test('a suggestion is hatched in its own way, in every plane, and never filled', () => {
  const { session } = open()
  const scene = new Scene(session, session.view)
  session.suggestions.put([suggestion(2), suggestion(3, { labelId: KIDNEY })])
  assert.deepEqual(scene.masks().layers, [])
  assert.deepEqual(scene.masks().outlines.map(({ kind, color }) => [kind, color]), [['suggestion', '#ff0000']])
  assert.deepEqual([...scene.masks().outlines[0].rings[0]], [12.5, 7.5, 12.5, 12.5, 7.5, 12.5, 7.5, 7.5])
  session.view.setAxis(1)
  session.view.setSlice(10)
  assert.deepEqual(scene.masks().outlines.map(({ kind, color }) => [kind, color]), [['suggestion', '#ff0000'], ['suggestion', '#0000ff']])
  session.setLabelVisible(LIVER, false)
  assert.deepEqual(scene.masks().outlines.map(({ color }) => color), ['#0000ff'])
})

test('the hatches of draft and suggestion lean to opposite sides, pixel by pixel, and repeat without a seam', () => {
  for (const [kind, lean] of [['draft', 1], ['suggestion', -1]] as const) {
    const side = hatchSide(kind, 1), tile = hatchTile(kind, '#12ab9f', 1)
    const alpha = (x: number, y: number) => tile[(((y + side) % side) * side + ((x + side) % side)) * 4 + 3]
    for (let y = 0; y < side; y++) {
      for (let x = 0; x < side; x++) assert.equal(alpha(x, y), alpha(x - lean, y + 1), `${kind} at ${x}, ${y}`)
    }
    assert.notEqual(alpha(1, 0), alpha(1 + lean, 1), `${kind} does not lean to the other side`)
  }
  const tile = hatchTile('suggestion', '#12ab9f', 1)
  assert.deepEqual([...tile.subarray(0, 4)], [0x12, 0xab, 0x9f, 191], 'the stripe has the colour of the label')
  assert.deepEqual([...tile.subarray(6 * 4, 6 * 4 + 4)], [0, 0, 0, 0], 'the picture is seen between the stripes')
  assert.equal(hatchTile('draft', '#12ab9f', 1)[5 * 4 + 3], 31, 'a draft is tinted there')
  assert.equal(hatchSide('suggestion', 2), 24)
})

test('its prompts are shown, and what is under the pointer is raised', () => {
  const { session } = open()
  session.suggestions.put([suggestion(2)])
  session.tool.value = 'point'
  const sizes = () => drawOverlay(session).flatMap((draw) => (draw.kind === 'prompt' ? [draw.size] : []))
  assert.deepEqual(sizes(), ['small', 'small'])
  session.view.pointer.value = over(session, 20, 20).screen
  assert.deepEqual(sizes(), ['small', 'raised'])
  session.masksVisible.value = false
  assert.deepEqual(sizes(), [])
})

test('another point takes the suggestion in hand: its prompts and its mask go with the question', () => {
  const { session, accepted, openSlices } = open()
  session.suggestions.put([suggestion(2)])
  session.addPrompt({ kind: 'point', x: 14, y: 10, positive: true }, false)
  const draft = session.draft.value!
  assert.equal(draft.prompts.length, 3)
  assert.ok(sameMask(draft.context!, rect(8, 8, 12, 12)))
  assert.deepEqual(draft.around, [[14, 10]], 'only there may it change')
  assert.equal(session.suggestion.value, null)
  assert.deepEqual(new Scene(session, session.view).masks().outlines.map(({ kind }) => kind), ['draft'])
  assert.deepEqual(openSlices(), [2], 'nothing is decided yet')

  session.answer(draft.id, { mask: rect(8, 8, 15, 12), score: 0.9, model: 'm', learnedPrompt: 'l2' })
  session.accept()
  assert.deepEqual(openSlices(), [])
  const [{ origin, learnedPrompt, suggestionId, prompts }] = accepted
  assert.deepEqual([origin, learnedPrompt, suggestionId, prompts.length], ['assist', 'l2', 's2', 3])
})

test('giving the draft up shows the suggestion again', () => {
  const { session } = open()
  session.suggestions.put([suggestion(2)])
  session.addPrompt({ kind: 'point', x: 14, y: 10, positive: true }, false)
  session.reject()
  assert.equal(session.suggestion.value?.id, 's2')
})

test('points that are collected correct where each of them lies; a box asks for another mask', () => {
  const { session } = open()
  session.suggestions.put([suggestion(2)])
  session.addPrompt({ kind: 'point', x: 14, y: 10, positive: true }, true)
  session.addPrompt({ kind: 'point', x: 9, y: 9, positive: false }, true)
  assert.deepEqual(session.draft.value!.around, [[14, 10], [9, 9]])
  session.addPrompt({ kind: 'box', x0: 7, y0: 7, x1: 14, y1: 12 }, true)
  session.addPrompt({ kind: 'point', x: 14, y: 11, positive: true }, true)
  assert.deepEqual(session.draft.value!.around, [])
})

test('prompts are dragged: what was suggested changes where the prompt was and where it is', () => {
  const { session } = open()
  session.suggestions.put([suggestion(2)])
  session.tool.value = 'point'
  const host = new ToolHost(session)
  host.down('left', over(session, 10, 10))
  host.move(over(session, 11, 12))
  assert.deepEqual(session.prompts.value[0], { kind: 'point', x: 11, y: 12, positive: true })
  assert.equal(session.draft.value, null, 'not before it is let go')
  host.up(over(session, 11, 12))
  assert.deepEqual(asked(session)[0], { kind: 'point', x: 11, y: 12, positive: true })
  const { context, around, answered } = session.draft.value!
  assert.ok(sameMask(context!, rect(8, 8, 12, 12)))
  assert.deepEqual(around, [[11, 12], [10, 10]])
  assert.equal(answered, false)
})

test('Escape puts a dragged prompt back, and a press in place changes nothing', () => {
  const { session } = open()
  session.suggestions.put([suggestion(2)])
  session.tool.value = 'point'
  const host = new ToolHost(session)
  host.down('left', over(session, 10, 10))
  host.move(over(session, 15, 12))
  assert.ok(host.cancel())
  host.down('left', over(session, 10, 10))
  host.up(moved(over(session, 10, 10), 1, 1))
  assert.equal(session.draft.value, null)
  assert.deepEqual(session.prompts.value, suggestion(2).prompts)
})

test('a right click or Alt on a prompt removes it; beside it a right click excludes as ever', () => {
  const { session } = open()
  session.suggestions.put([suggestion(2)])
  session.tool.value = 'point'
  const host = new ToolHost(session)
  host.down('right', over(session, 20, 20))
  host.up(over(session, 20, 20))
  assert.deepEqual(asked(session), [{ kind: 'point', x: 10, y: 10, positive: true }])
  host.down('right', over(session, 3, 3))
  host.up(over(session, 3, 3))
  assert.equal(asked(session).length, 2)
  host.down('left', over(session, 3, 3, { alt: true }))
  host.up(over(session, 3, 3, { alt: true }))
  assert.equal(asked(session).length, 1)
})

test('a box is drawn by its corners, also across itself, and stays on the slice', () => {
  const { session } = open()
  session.suggestions.put([suggestion(2, { prompts: [{ kind: 'box', x0: 5, y0: 6, x1: 12, y1: 14 }] })])
  session.tool.value = 'box'
  const host = new ToolHost(session)
  host.down('left', over(session, 4.5, 5.5)) // the outer corner
  host.move(over(session, 20, 10))
  host.move(over(session, 60, 18))
  host.up(over(session, 60, 18))
  assert.deepEqual(asked(session), [{ kind: 'box', x0: 12, y0: 14, x1: 31, y1: 18 }])
})

test('the brush corrects a suggestion as it corrects a draft', () => {
  const { session, accepted } = open()
  session.suggestions.put([suggestion(2)])
  session.strokes.setRadiusMm(0.4)
  session.strokes.begin(slicePoint(13, 8), false)
  assert.equal(area(new Scene(session, session.view).masks().outlines.length === 1 ? proposalOf(session.draft.value!) : emptyMask(24, 32)), 25)
  session.strokes.end()
  assert.equal(accepted.length, 0)
  session.accept()
  assert.ok(sameMask(session.masks.get(LIVER, 2), union(rect(8, 8, 12, 12), rect(13, 8, 13, 8))))
  assert.equal(accepted[0].origin, 'assist')
})

test('drawing on a slice closes what was proposed there; undo opens it again and says so', () => {
  const { session, decisions, openSlices } = open()
  session.suggestions.put([suggestion(2), suggestion(3)])
  session.edits.replaceMask(LIVER, 1, rect(0, 0, 3, 3))
  copyFromSlice(session, -1)
  assert.deepEqual(openSlices(), [3])
  assert.equal(decisions.length, 0, 'the revision itself tells the server')
  session.undo()
  assert.deepEqual(openSlices().toSorted(), [2, 3])
  assert.deepEqual(decisions.map(({ as, suggestions }) => [as, suggestions[0].id]), [['open', 's2']])
})

test('turning down is undone and done again', () => {
  const { session, decisions, openSlices } = open()
  session.suggestions.put([suggestion(2)])
  assert.ok(session.decline('absent'))
  assert.equal(session.suggestions.declinedOf(LIVER).get(2), 'absent')
  show(session, 4)
  session.undo()
  assert.equal(session.view.slice.value, 2, 'a change that nobody sees is no undo')
  assert.deepEqual([openSlices(), session.suggestions.declinedOf(LIVER).size], [[2], 0])
  session.redo()
  assert.deepEqual(decisions.map(({ as }) => as), ['absent', 'open', 'absent'])
  assert.equal(session.decline('rejected'), false, 'there is nothing left')
})

test('where a label ends, everything beyond is turned down in one step, away from what is drawn', () => {
  const { session, decisions, openSlices } = open()
  session.edits.change(LIVER, [{ slice: 1, flips: suggestion(1).mask }], 'manual')
  session.suggestions.put([suggestion(0), suggestion(2), suggestion(3), suggestion(4)])
  show(session, 3)
  assert.ok(session.declineBeyond())
  assert.deepEqual(openSlices().toSorted(), [0, 2])
  assert.deepEqual(decisions.map(({ as, suggestions }) => [as, suggestions.map(({ slice }) => slice).toSorted()]), [['absent', [3, 4]]])
  session.undo()
  assert.deepEqual(openSlices().toSorted(), [0, 2, 3, 4])
  show(session, 0)
  session.declineBeyond()
  assert.deepEqual(openSlices().toSorted(), [2, 3, 4])
  session.edits.change(LIVER, [{ slice: 4, flips: suggestion(4).mask }], 'manual')
  show(session, 3)
  session.declineBeyond()
  assert.deepEqual(openSlices().toSorted(), [2], 'between drawn slices it is this slice alone')
})

test('what the server accepted is one step: masks in, suggestions closed; undo is a revision that reverts it', () => {
  const { session, accepted, decisions, openSlices } = open()
  const nothing = suggestion(4, { mask: emptyMask(24, 32), prompts: [] })
  session.suggestions.put([suggestion(2), suggestion(3), nothing])
  session.edits.adopt([suggestion(2), suggestion(3), nothing], 'r9')
  assert.deepEqual(session.masks.slices(LIVER), [2, 3])
  assert.deepEqual(openSlices(), [])
  assert.equal(session.suggestions.declinedOf(LIVER).get(4), 'absent')
  assert.equal(accepted.length, 0, 'the server has it already')
  session.undo()
  assert.deepEqual(session.masks.slices(LIVER), [])
  assert.deepEqual(openSlices().toSorted(), [2, 3, 4])
  assert.deepEqual([accepted[0].origin, accepted[0].reverts, accepted[0].slices.length], ['undo', 'r9', 2])
  assert.deepEqual(decisions.map(({ as, suggestions }) => [as, suggestions.length]), [['open', 1], ['open', 2]])
  session.redo()
  assert.deepEqual(session.masks.slices(LIVER), [2, 3])
  assert.deepEqual(openSlices(), [])
  assert.deepEqual(decisions.slice(2).map(({ as }) => as), ['absent'], 'the mask that comes back closes the others')
})

test('comparing asks the same question of the plain model, and again of what was learned', () => {
  const { session } = open()
  session.addPrompt({ kind: 'point', x: 10, y: 10, positive: true }, false)
  session.answer(session.draft.value!.id, { mask: rect(8, 8, 12, 12), score: 0.9, model: 'm', learnedPrompt: 'l1' })
  const { context } = session.draft.value!
  session.setPlain(true)
  const draft = session.draft.value!
  assert.deepEqual([draft.plain, draft.answered, draft.context], [true, false, context])
  session.answer(draft.id, { mask: rect(8, 8, 9, 9), score: 0.5, model: 'm', learnedPrompt: null })
  session.setPlain(false)
  assert.equal(session.draft.value!.answered, false)
})

test('a newer state of the server replaces the old one, masks included', () => {
  const { session, openSlices } = open()
  session.suggestions.put([suggestion(1), suggestion(2)])
  session.suggestions.replace(LIVER, [suggestion(3)], new Map([[1, 'rejected']]))
  assert.deepEqual(openSlices(), [3])
  assert.ok(isEmpty(session.suggestions.masks.get(LIVER, 1)))
  assert.equal(session.suggestions.declinedOf(LIVER).get(1), 'rejected')
})

test('a suggestion in hand is answered as it is', () => {
  const draft = draftOf(suggestion(2), 7)
  assert.deepEqual([draft.answered, draft.answer!.score, draft.base, draft.id], [true, 0.6, null, 7])
})
