import assert from 'node:assert/strict'
import { test } from 'node:test'

import { watchJob, type JobStream } from '../../src/api/events.ts'
import type { Job } from '../../src/api/types.ts'
import { FakeServer, FakeTime } from '../annotate/support.ts'

class FakeStream implements JobStream {
  closed = false
  readonly #listeners = new Map<string, (event: { data?: unknown }) => void>()
  addEventListener(type: string, listener: (event: { data?: unknown }) => void): void {
    this.#listeners.set(type, listener)
  }
  close(): void {
    this.closed = true
  }
  send(type: string, job?: Partial<Job>): void {
    if (!this.closed) this.#listeners.get(type)?.({ data: JSON.stringify(job) })
  }
}

function watch(server = new FakeServer()) {
  const streams: FakeStream[] = []
  const states: string[] = []
  const time = new FakeTime()
  const stop = watchJob(server, 'j', (job) => states.push(`${job.state} ${job.progress}`), {
    open: () => {
      streams.push(new FakeStream())
      return streams.at(-1)!
    },
    wait: time.wait,
  })
  return { streams, states, time, stop }
}

test('every state is told until the job has ended', () => {
  const { streams, states } = watch()
  streams[0].send('job', { state: 'running', progress: 0.5 })
  streams[0].send('job', { state: 'done', progress: 1 })
  assert.deepEqual(states, ['running 0.5', 'done 1'])
  assert.ok(streams[0].closed)
})

test('a broken stream is opened again, and what was missed is asked for', async () => {
  const server = new FakeServer().on('GET', /jobs\/j$/, () => ({ state: 'running', progress: 0.7 }))
  const { streams, states, time } = watch(server)
  streams[0].send('error')
  await time.pass(1000)
  assert.deepEqual(states, ['running 0.7'])
  assert.equal(streams.length, 2)
  streams[1].send('job', { state: 'failed', progress: 0.7 })
  assert.deepEqual(states.at(-1), 'failed 0.7')
})

test('a job that ended while nobody listened is told and not watched any more', async () => {
  const server = new FakeServer().on('GET', /jobs\/j$/, () => ({ state: 'done', progress: 1 }))
  const { streams, states, time } = watch(server)
  streams[0].send('error')
  await time.pass(10_000)
  assert.deepEqual(states, ['done 1'])
  assert.equal(streams.length, 1)
})

test('stopping is final', async () => {
  const server = new FakeServer().on('GET', /jobs\/j$/, () => ({ state: 'running', progress: 0.7 }))
  const { streams, states, time, stop } = watch(server)
  streams[0].send('error')
  stop()
  await time.pass(10_000)
  assert.deepEqual(states, [])
  assert.equal(streams.length, 1)
})
