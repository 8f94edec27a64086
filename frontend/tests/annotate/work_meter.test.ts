import assert from 'node:assert/strict'
import { test } from 'node:test'

import { WorkMeter } from '../../src/annotate/work_meter.ts'
import { slicePoint } from '../../src/viewer/geometry.ts'
import { emptyMask } from '../../src/viewer/mask.ts'
import { openSession, over, show } from '../viewer/support.ts'

function open() {
  let now = 1_000_000
  const meter = new WorkMeter(() => now)
  const { session } = openSession(undefined, { onWork: (slice, work) => meter.did(slice, work) })
  const stop = meter.watch(session)
  const pass = (ms: number) => { now += ms }
  /** The pointer is moved: somebody is there. */
  const move = (x: number) => { session.view.pointer.value = over(session, x, 5).screen }
  return { session, meter, stop, pass, move }
}

test('clicks, boxes, strokes and steps back are counted where they are made, with who answered last', () => {
  const { session, meter } = open()
  session.addPrompt({ kind: 'point', x: 10, y: 10, positive: true }, false)
  session.addPrompt({ kind: 'point', x: 12, y: 10, positive: false }, false)
  session.addPrompt({ kind: 'box', x0: 1, y0: 1, x1: 9, y1: 9 }, false)
  session.answer(session.draft.value!.id, { mask: emptyMask(24, 32), score: 0.5, model: 'small', learnedPrompt: 'l1' })
  session.removeLastPrompt()
  session.undo()
  show(session, 3)
  session.strokes.begin(slicePoint(5, 5), false)
  session.strokes.end()
  const none = { clicks: 0, boxes: 0, strokes: 0, undos: 0, seconds: 0, model: null, learned_prompt: null }
  assert.deepEqual(meter.take(), { slices: [
    { ...none, slice: 2, clicks: 2, boxes: 1, undos: 2, model: 'small', learned_prompt: 'l1' },
    { ...none, slice: 3, strokes: 1 },
  ] })
  assert.deepEqual(meter.take(), { slices: [] }, 'every slice is told once')
})

test('time counts for the slice on the screen, and not while nobody is there', () => {
  const { session, meter, pass, move, stop } = open()
  move(4)
  pass(2000)
  move(5)
  pass(3000)
  show(session, 3)
  pass(1500)
  move(6)
  pass(60_000) // away
  move(7)
  pass(500)
  assert.deepEqual(meter.take().slices!.map(({ slice, seconds }) => [slice, seconds]), [[2, 5], [3, 2]])
  session.view.setAxis(1)
  pass(4000)
  move(8)
  stop()
  assert.deepEqual(meter.take().slices!.map(({ slice }) => slice), [], 'the other planes are for looking')
})
