import assert from 'node:assert/strict'
import { test } from 'node:test'

import { Assistant } from '../../src/annotate/assistant.ts'
import type { PredictionIn } from '../../src/api/types.ts'
import { emptyMask, isEmpty, toCoco, sameMask } from '../../src/viewer/mask.ts'
import { proposalOf } from '../../src/viewer/draft.ts'
import { LIVER, openSession, rectangle, show } from '../viewer/support.ts'
import { FakeServer, FakeTime, later, Refusal, settle } from './support.ts'

const PREDICT = /predictions$/, ENCODE = /encodings$/
const mask = (x0: number, y0: number, x1: number, y1: number) => rectangle(24, 32, x0, y0, x1, y1)
const predicted = (of = mask(8, 8, 12, 12)) => ({ mask: toCoco(of), score: 0.8, model: 'sammed-small', ms: { total: 20 }, cached: true })

function start() {
  const { session, accepted } = openSession()
  const server = new FakeServer()
    .on('POST', PREDICT, () => predicted())
    .on('POST', ENCODE, () => ({ model: 'sammed-small', ready: [0, 1, 2, 3, 4], queued: [] }))
    .on('GET', /system$/, () => ({ workers: { click: 1 } }))
  const time = new FakeTime()
  const assistant = new Assistant({ api: server, volumeId: 'v', session, wait: time.wait })
  assistant.start()
  const click = (x: number, y: number, held = false) => session.addPrompt({ kind: 'point', x, y, positive: true }, held)
  return { session, accepted, server, time, assistant, click }
}

test('a click is asked about at once, with the label, and its answer is the proposal', async () => {
  const { session, server, assistant, click, accepted } = start()
  click(10, 11)
  assert.equal(server.count('POST', PREDICT), 1)
  assert.deepEqual(server.asked.at(-1)!.json, { slice: 2, label_id: LIVER, points: [{ x: 10, y: 11, positive: true }] })
  await settle()
  assert.ok(session.draft.value!.answered)
  assert.equal(assistant.state.value.kind, 'ready')
  assert.equal(assistant.model.value, 'sammed-small')
  assert.equal(accepted.length, 0)
})

test('the next click sends all prompts and the mask on the screen', async () => {
  const { session, server, click } = start()
  session.addPrompt({ kind: 'box', x0: 4, y0: 5, x1: 14, y1: 15 }, false)
  await settle()
  click(9, 9)
  const asked = server.asked.at(-1)!.json as PredictionIn
  assert.deepEqual(asked.box, [4, 5, 14, 15])
  assert.deepEqual(asked.points, [{ x: 9, y: 9, positive: true }])
  assert.deepEqual(asked.mask, toCoco(mask(8, 8, 12, 12)))
})

test('the newest prompts win: the older request is aborted and its late answer is ignored', async () => {
  const { session, server, assistant, click } = start()
  const first = later<unknown>(), second = later<unknown>()
  const answers = [first, second]
  server.on('POST', PREDICT, () => answers.shift()!.promise)
  click(10, 10)
  click(12, 12)
  const requests = server.asked.filter(({ path }) => PREDICT.test(path))
  assert.ok(requests[0].signal!.aborted)
  first.give(predicted(mask(5, 5, 20, 20)))
  await settle()
  assert.equal(session.draft.value!.answered, false)
  assert.equal(assistant.state.value.kind, 'encoding', 'the newer request is still on its way')
  second.give(predicted(mask(0, 0, 1, 1)))
  await settle()
  assert.ok(sameMask(proposalOf(session.draft.value!), mask(0, 0, 1, 1)))
})

test('taking the only prompt back gives the request up', async () => {
  const { session, server, assistant, click } = start()
  const answer = later<unknown>()
  server.on('POST', PREDICT, () => answer.promise)
  click(10, 10)
  session.removeLastPrompt()
  assert.ok(server.asked.find(({ path }) => PREDICT.test(path))!.signal!.aborted)
  answer.give(predicted())
  await settle()
  assert.equal(session.draft.value, null)
  assert.equal(assistant.state.value.kind, 'encoding') // nobody has had the slice encoded yet
})

test('held prompts are asked about when the key is released', async () => {
  const { session, server, click } = start()
  click(10, 10, true)
  click(12, 12, true)
  assert.equal(server.count('POST', PREDICT), 0)
  session.askNow()
  assert.equal(server.count('POST', PREDICT), 1)
  assert.equal((server.asked.at(-1)!.json as PredictionIn).points?.length, 2)
})

test('while the slice is not encoded the state says so; then the answer comes', async () => {
  const { server, time, assistant, click } = start()
  server.on('POST', ENCODE, () => ({ model: 'm', ready: [], queued: [2] }))
  const answer = later<unknown>()
  server.on('POST', PREDICT, () => answer.promise)
  await time.pass(200)
  assert.equal(assistant.state.value.kind, 'encoding')
  click(10, 10)
  assert.equal(assistant.state.value.kind, 'encoding')
  answer.give(predicted())
  await settle()
  assert.ok(assistant.encoded.value.has(2), 'an answered slice is encoded')
})

test('encodings are asked for when the reader settles: the slice first, then its neighbours, nothing twice', async () => {
  const { session, server, time } = start()
  await time.pass(50)
  show(session, 3)
  await time.pass(1000)
  const asked = server.asked.filter(({ method, path }) => method === 'POST' && ENCODE.test(path))
  assert.deepEqual(asked.map(({ json }) => json), [{ slices: [3, 4, 2, 1] }])
  show(session, 2)
  await time.pass(1000)
  assert.equal(server.count('POST', ENCODE), 1)
})

test('encoding is asked for until it is done, as a worker may be lost with it', async () => {
  const { server, time, assistant } = start()
  let ready: number[] = []
  server.on('POST', ENCODE, () => ({ model: 'm', ready, queued: [] }))
  await time.pass(1000)
  assert.equal(assistant.state.value.kind, 'encoding')
  ready = [0, 1, 2, 3, 4]
  await time.pass(1000)
  assert.equal(assistant.state.value.kind, 'ready')
  const asked = server.count('POST', ENCODE)
  await time.pass(10_000)
  assert.equal(server.count('POST', ENCODE), asked, 'and then no longer')
})

test('an encoded slice of which the picture is not there yet is not ready: a click there would be lost', async () => {
  const { session, time, assistant } = start()
  await time.pass(1000)
  session.view.setSlice(3)
  assert.ok(assistant.encoded.value.has(3))
  const before: string = assistant.state.value.kind
  show(session, 3)
  assert.deepEqual([before, assistant.state.value.kind], ['encoding', 'ready'])
})

test('no worker: the state says why, and when one is there the click is answered without another click', async () => {
  const { session, server, time, assistant, click } = start()
  let workers = 0
  server.on('POST', PREDICT, () => (workers ? predicted() : new Refusal(503, 'no_worker')))
    .on('POST', ENCODE, () => (workers ? { ready: [0, 1, 2, 3, 4], queued: [] } : new Refusal(503, 'no_worker')))
    .on('GET', /system$/, () => ({ workers: { click: workers } }))
  click(10, 10)
  await settle()
  const state = assistant.state.value
  assert.ok(state.kind === 'no_worker' && state.problem?.code === 'no_worker')
  await time.pass(10_000)
  assert.equal(assistant.state.value.kind, 'no_worker')
  workers = 1
  await time.pass(10_000)
  assert.equal(assistant.state.value.kind, 'ready')
  assert.ok(session.draft.value!.answered)
})

test('workers without the model: the state stays, and is not ready in between', async () => {
  const { session, server, time, assistant } = start()
  server.on('POST', ENCODE, () => new Refusal(503, 'model_missing'))
  const seen: string[] = []
  await time.pass(1000)
  assistant.state.subscribe((state) => seen.push(state.kind))
  await time.pass(30_000)
  assert.deepEqual(new Set(seen), new Set(['no_worker']))
  assert.ok(server.count('POST', ENCODE) > 3, 'but it is tried again')
  show(session, 3)
  server.on('POST', ENCODE, () => ({ model: 'm', ready: [0, 1, 2, 3, 4], queued: [] }))
  await time.pass(10_000)
  assert.equal(assistant.state.value.kind, 'ready')
})

test('offline: recovers by itself', async () => {
  const { session, server, time, assistant, click } = start()
  server.reachable = false
  click(10, 10)
  await settle()
  assert.equal(assistant.state.value.kind, 'offline')
  server.reachable = true
  await time.pass(10_000)
  assert.equal(assistant.state.value.kind, 'ready')
  assert.ok(session.draft.value!.answered)
})

test('a refused question is not asked again, the next prompt is', async () => {
  const { session, server, time, assistant, click } = start()
  server.on('POST', PREDICT, () => new Refusal(422, 'invalid_prompts'))
  click(10, 10)
  await settle()
  show(session, 3)
  show(session, 2)
  await time.pass(60_000)
  assert.equal(server.count('POST', PREDICT), 1)
  assert.ok(assistant.state.value.kind === 'failed' && assistant.state.value.problem.code === 'invalid_prompts')
  server.on('POST', PREDICT, () => predicted())
  click(12, 12)
  await settle()
  assert.equal(assistant.state.value.kind, 'ready')
})

test('an empty answer is a proposal without voxels, not an error', async () => {
  const { session, server, click } = start()
  server.on('POST', PREDICT, () => predicted(emptyMask(24, 32)))
  click(10, 10)
  await settle()
  assert.ok(session.draft.value!.answered && isEmpty(proposalOf(session.draft.value!)))
})

test('after stop nothing is asked', async () => {
  const { server, time, assistant, click } = start()
  assistant.stop()
  click(10, 10)
  await time.pass(10_000)
  assert.equal(server.asked.length, 0)
})
