import assert from 'node:assert/strict'
import { test } from 'node:test'
import { signal } from '@preact/signals-core'

import { Learning } from '../../src/annotate/learning.ts'
import type { JobStream } from '../../src/api/events.ts'
import type { Job, LabelLearning, LearnedPrompt } from '../../src/api/types.ts'
import { FakeServer, FakeTime, Refusal, settle } from './support.ts'

const job = (id: string, kind: Job['kind'], state: Job['state'], more: Partial<Job> = {}) =>
  ({ id, kind, state, progress: 0, message: '', message_params: {}, problem: null, created_at: id, ...more }) as Job
const label = (id: string, more: Partial<LabelLearning> = {}): LabelLearning =>
  ({ label_id: id, pictures: false, examples: 3, learned_prompt: null, warm_start: null, newest: null, jobs: [], proposals: {}, ...more })

class FakeStream implements JobStream {
  readonly url: string
  closed = false
  #listener: (event: { data?: unknown }) => void = () => {}
  constructor(url: string) {
    this.url = url
  }
  addEventListener(type: string, listener: (event: { data?: unknown }) => void): void {
    if (type === 'job') this.#listener = listener
  }
  close(): void {
    this.closed = true
  }
  send(told: Job): void {
    if (!this.closed) this.#listener({ data: JSON.stringify(told) })
  }
}

async function open(labels: LabelLearning[]) {
  const state = { labels }
  const server = new FakeServer().on('GET', /v\/learning$/, () => ({ items: state.labels, next_cursor: null }))
  const streams: FakeStream[] = []
  const proposals: string[] = []
  const active = signal<string | null>('liver')
  const time = new FakeTime()
  const learning = new Learning({
    api: server, volumeId: 'v', activeLabelId: active, automatic: true, wait: time.wait,
    onProposals: (id, ended) => proposals.push(`${id}${ended ? ' ended' : ''}`),
    open: (url) => {
      streams.push(new FakeStream(url))
      return streams.at(-1)!
    },
  })
  learning.start()
  await settle()
  return { state, server, streams, proposals, active, learning, time, listening: () => streams.filter(({ closed }) => !closed).map(({ url }) => url) }
}

test('what is learned of the active label is told, with its jobs', async () => {
  const { learning, active } = await open([label('liver', { examples: 1, jobs: [job('2', 'learn_prompt', 'failed')] }), label('kidney')])
  assert.deepEqual([learning.label.value!.examples, learning.missing.value, learning.learning.value!.id], [1, 1, '2'])
  active.value = 'kidney'
  assert.deepEqual([learning.missing.value, learning.learning.value], [0, null])
  active.value = 'new'
  assert.deepEqual([learning.label.value, learning.missing.value], [null, 2])
})

test('a job that runs is followed through a reload; proposals are looked for as it goes on', async () => {
  const running = job('1', 'auto_segment', 'running')
  const { streams, proposals, learning, server, state } = await open([label('liver', { jobs: [running] })])
  assert.deepEqual(streams.map(({ url }) => url), ['/api/jobs/1/events'])
  streams[0].send({ ...running, progress: 0.4, message: 'proposing', message_params: { done: 4, of: 9 } })
  assert.equal(learning.proposing.value!.message, 'proposing')
  state.labels = [label('liver', { jobs: [{ ...running, state: 'done' }] })]
  streams[0].send({ ...running, state: 'done', progress: 1 })
  await settle()
  assert.deepEqual(proposals, ['liver', 'liver ended'])
  assert.equal(server.count('GET', /learning$/), 2, 'what answers clicks may have changed')
})

test('at most two streams are open, those of the active label first', async () => {
  const { active, listening } = await open([
    label('kidney', { jobs: [job('1', 'learn_prompt', 'running'), job('2', 'auto_segment', 'queued')] }),
    label('liver', { jobs: [job('3', 'learn_prompt', 'queued')] }),
  ])
  assert.deepEqual(listening().toSorted(), ['/api/jobs/1/events', '/api/jobs/3/events'])
  active.value = 'kidney'
  assert.deepEqual(listening().toSorted(), ['/api/jobs/1/events', '/api/jobs/2/events'])
})

test('segmenting the rest and propagating are jobs of the active label', async () => {
  const { server, learning } = await open([label('liver')])
  server.on('POST', /api\/jobs$/, () => job('9', 'auto_segment', 'queued'))
  learning.generator.value = 'classification'
  await learning.segmentRest()
  assert.deepEqual(server.asked.find(({ method }) => method === 'POST')!.json, { kind: 'auto_segment', generator: 'classification', volume_id: 'v', label_id: 'liver' })
  await learning.propagate(4)
  assert.deepEqual(server.asked.findLast(({ method }) => method === 'POST')!.json, { kind: 'propagate', slice: 4, volume_id: 'v', label_id: 'liver' })
})

test('what the server refuses is told of the label that it was asked for, until it works', async () => {
  const { server, learning, active } = await open([label('liver'), label('kidney')])
  server.on('POST', /api\/jobs$/, () => new Refusal(503, 'no_worker'))
  await learning.segmentRest()
  assert.equal(learning.refused.value?.code, 'no_worker')
  active.value = 'kidney'
  assert.equal(learning.refused.value, null)
  active.value = 'liver'
  server.on('POST', /api\/jobs$/, () => job('9', 'auto_segment', 'queued'))
  await learning.segmentRest()
  assert.equal(learning.refused.value, null)
})

test('cancelling a job that ended meanwhile is no problem', async () => {
  const { server, learning } = await open([label('liver')])
  server.on('DELETE', /jobs\/1$/, () => new Refusal(409, 'job_is_over'))
  await learning.cancel(job('1', 'auto_segment', 'running'))
  assert.equal(learning.refused.value, null)
})

test('the switch of the account goes back when the server refuses', async () => {
  const { server, learning } = await open([label('liver')])
  server.on('PATCH', /api\/me$/, () => new Refusal(500, 'broken'))
  const done = learning.setAutomatic(false)
  assert.equal(learning.automatic.value, false)
  await done
  assert.deepEqual([learning.automatic.value, learning.refused.value?.code], [true, 'broken'])
})

test('switching a learned prompt asks again what answers', async () => {
  const newest = { id: 'l1', label_id: 'liver' } as LearnedPrompt
  const { server, learning, state } = await open([label('liver', { newest })])
  server.on('PATCH', /learned-prompts\/l1$/, () => newest)
  state.labels = [label('liver', { newest, learned_prompt: { id: 'l1', source: 'volume', gain: 0.08, examples: 2 } })]
  await learning.use(newest, true)
  assert.deepEqual(server.asked.find(({ method }) => method === 'PATCH')!.json, { active: true })
  assert.equal(learning.label.value!.learned_prompt!.id, 'l1')
})

test('several revisions that arrive together are one question; back online is another', async () => {
  const { server, learning, time } = await open([label('liver')])
  for (let n = 0; n < 5; n++) void learning.refreshSoon()
  await time.pass(1000)
  assert.equal(server.count('GET', /learning$/), 2)
  server.online.value = false
  server.online.value = true
  await settle()
  assert.equal(server.count('GET', /learning$/), 3)
})

test('after closing nothing is followed and nothing is asked', async () => {
  const { learning, listening, server, time } = await open([label('liver', { jobs: [job('1', 'auto_segment', 'running')] })])
  void learning.refreshSoon()
  learning.close()
  await time.pass(1000)
  assert.deepEqual(listening(), [])
  assert.equal(server.count('GET', /learning$/), 1)
})
