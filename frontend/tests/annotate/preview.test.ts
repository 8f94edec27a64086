// What a click would give, while the pointer rests: asked once, taken away when the pointer moves on, and the answer to a
// click at that very place.
import assert from 'node:assert/strict'
import { test } from 'node:test'

import { Assistant } from '../../src/annotate/assistant.ts'
import { proposalOf } from '../../src/viewer/draft.ts'
import { sameMask, toCoco } from '../../src/viewer/mask.ts'
import { ToolHost } from '../../src/viewer/tools/host.ts'
import { LIVER, openSession, over, rectangle, show } from '../viewer/support.ts'
import { FakeServer, FakeTime, Refusal, settle } from './support.ts'

const PREDICT = /predictions$/
const MASK = rectangle(24, 32, 8, 8, 12, 12)

async function start() {
  const { session } = openSession()
  const server = new FakeServer()
    .on('POST', PREDICT, () => ({ mask: toCoco(MASK), score: 0.8, model: 'sammed-small', ms: {}, cached: true }))
    .on('POST', /encodings$/, () => ({ model: 'sammed-small', ready: [0, 1, 2, 3], queued: [] }))
  const time = new FakeTime()
  const assistant = new Assistant({ api: server, volumeId: 'v', session, wait: time.wait })
  assistant.start()
  session.tool.value = 'point'
  await time.pass(1000)
  const rest = async (x: number, y: number) => {
    session.view.pointer.value = over(session, x, y).screen
    await time.pass(300)
  }
  return { session, server, time, assistant, rest }
}

test('a pointer that rests is asked about, one that moves on is not', async () => {
  const { session, server, time, rest } = await start()
  for (let x = 4; x < 20; x++) {
    session.view.pointer.value = over(session, x, 10).screen
    await time.pass(50)
  }
  assert.equal(server.count('POST', PREDICT), 0)
  await rest(20, 10)
  assert.deepEqual(server.asked.at(-1)!.json, { slice: 2, label_id: LIVER, points: [{ x: 20, y: 10, positive: true }] })
  assert.ok(sameMask(session.preview.value!.mask, MASK))
  session.view.pointer.value = over(session, 21, 10).screen
  assert.equal(session.preview.value, null)
})

test('a click there is answered with it at once; another click asks', async () => {
  const { session, server, rest } = await start()
  await rest(10, 10)
  session.addPrompt({ kind: 'point', x: 10, y: 10, positive: true }, false)
  assert.ok(session.draft.value!.answered && sameMask(proposalOf(session.draft.value!), MASK))
  assert.equal(session.preview.value, null)
  assert.equal(server.count('POST', PREDICT), 1)
  session.addPrompt({ kind: 'point', x: 12, y: 10, positive: true }, false)
  await settle()
  assert.equal(server.count('POST', PREDICT), 2)
  session.reject()
  session.addPrompt({ kind: 'point', x: 10, y: 10, positive: false }, false)
  await settle()
  assert.equal(server.count('POST', PREDICT), 3, 'a point that does not belong is another question')
})

test('a box that is drawn shows its answer while it grows, one question at a time, and has it when the hand lets go', async () => {
  const { session, server, time } = await start()
  session.tool.value = 'box'
  const host = new ToolHost(session)
  host.down('left', over(session, 6, 6))
  for (let x = 10; x <= 20; x++) host.move(over(session, x, x - 2))
  await settle()
  assert.equal(server.count('POST', PREDICT), 1, 'the first; the newest waits for its turn')
  assert.ok(sameMask(session.preview.value!.mask, MASK))
  await time.pass(100)
  assert.deepEqual(server.asked.at(-1)!.json, { slice: 2, label_id: LIVER, points: [], box: [6, 6, 20, 18] })
  assert.equal(session.draft.value, null, 'nothing is opened by looking')
  host.up(over(session, 20, 18))
  assert.ok(session.draft.value!.answered)
  assert.deepEqual([session.preview.value, server.count('POST', PREDICT)], [null, 2])
})

test('scribbles and outlines show theirs, too, and a point that is moved', async () => {
  const { session, server, time } = await start()
  const host = new ToolHost(session), wanted: unknown[] = []
  for (const tool of ['scribble', 'encircle'] as const) {
    session.tool.value = tool
    host.down('left', over(session, 6, 6))
    for (const [x, y] of [[16, 6], [16, 14], [8, 14]]) host.move(over(session, x, y))
    await time.pass(100)
    wanted.push(server.asked.at(-1)!.json)
    assert.notEqual(session.preview.value, null)
    host.cancel()
    assert.equal(session.preview.value, null)
  }
  const [scribble, outline] = wanted as { points: unknown[]; box?: unknown }[]
  assert.ok(scribble.points.length > 1 && scribble.box === undefined)
  assert.deepEqual([outline.points.length, outline.box], [1, [6, 6, 16, 13]])
  session.addPrompt({ kind: 'point', x: 10, y: 10, positive: true }, false)
  await settle()
  session.tool.value = 'point'
  host.down('left', over(session, 10, 10))
  host.move(over(session, 20, 10))
  await time.pass(100)
  assert.deepEqual((server.asked.at(-1)!.json as { points: unknown }).points, [{ x: 20, y: 10, positive: true }])
  const before = server.count('POST', PREDICT)
  host.up(over(session, 20, 10))
  await settle()
  assert.ok(session.draft.value!.answered)
  assert.equal(server.count('POST', PREDICT), before)
})

test('nothing is asked over accepted voxels, over an open proposal, with another tool, before the slice is read, or when it is not wanted', async () => {
  const { session, server, time, assistant, rest } = await start()
  session.edits.replaceMask(LIVER, 2, MASK)
  await rest(10, 10)
  session.tool.value = 'brush'
  await rest(20, 10)
  session.tool.value = 'point'
  assistant.previews.value = false
  await rest(21, 10)
  assistant.previews.value = true
  show(session, 4)
  await rest(22, 10)
  assert.equal(server.count('POST', PREDICT), 0)
  show(session, 2)
  session.addPrompt({ kind: 'point', x: 25, y: 20, positive: true }, false)
  await rest(23, 10)
  await time.pass(1000)
  assert.equal(server.count('POST', PREDICT), 1, 'the click alone')
})

test('a preview that fails says nothing: the next click does', async () => {
  const { session, server, assistant, rest } = await start()
  server.on('POST', PREDICT, () => new Refusal(503, 'no_worker'))
  await rest(10, 10)
  assert.deepEqual([session.preview.value, assistant.state.value.kind], [null, 'ready'])
})
