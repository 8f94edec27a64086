// Measurements without a server: on the picture at once, kept in the browser, sent when it is there again, each once.
import assert from 'node:assert/strict'
import { test } from 'node:test'

import { Measurements } from '../../src/annotate/measurements.ts'
import { MemoryStorage } from '../../src/annotate/outbox_storage.ts'
import type { MeasurementIn, Problem } from '../../src/api/types.ts'
import { slicePoint } from '../../src/viewer/geometry.ts'
import { openSession } from '../viewer/support.ts'
import { FakeServer, FakeTime, Refusal, settle } from './support.ts'

const ME = { id: 'me', name: 'Me', email: 'me@example.org' }
const LENGTH = { kind: 'length', axis: 0, index: 2, points: [slicePoint(1, 2), slicePoint(4, 6)] } as const

function world(storage = new MemoryStorage()) {
  const there = new Map<string, MeasurementIn>()
  const server = new FakeServer()
    .on('GET', /measurements$/, () => ({ items: [...there].map(([id, measured]) => kept(id, measured)), next_cursor: null }))
    .on('POST', /measurements$/, ({ json }) => {
      const { id, ...measured } = json as MeasurementIn & { id: string }
      there.set(id, measured)
      return kept(id, measured)
    })
    .on('DELETE', /measurements\//, ({ path }) => { there.delete(path.split('/').at(-1)!) })
  const time = new FakeTime(), problems: Problem[] = []
  const { session } = openSession()
  let ids = 0
  const measurements = new Measurements({
    api: server, storage, me: ME, newId: () => `id-${++ids}`, volumeId: 'v', caseId: 'c', session, readOnly: false,
    onProblem: (problem) => problems.push(problem), wait: time.wait,
  })
  return { server, there, storage, time, problems, session, measurements }
}

/** As the server answers: with figures of the values, too. */
function kept(id: string, measured: MeasurementIn) {
  return { id, volume_id: 'v', author: ME, created_at: '2026-01-01T00:00:00Z', axis: 0, ...measured, figures: { length_mm: 5, mean: 40 } }
}

test('without a server it is on the picture with the figures of its points, and is sent when the server is back', async () => {
  const { server, there, storage, time, session, measurements } = world()
  await measurements.start()
  server.reachable = false
  session.view.measuring.value = LENGTH
  await measurements.add(LENGTH)
  await settle()
  assert.equal(session.view.measuring.value, null)
  assert.deepEqual(session.measurements.value.map(({ figures }) => figures), [{ length_mm: 5 }])
  assert.deepEqual([measurements.waiting, measurements.list.value[0].waiting, storage.measurements.size], [{ pending: 1, offline: true }, true, 1])
  server.reachable = true
  await time.pass(1000)
  assert.deepEqual([measurements.waiting, there.size, storage.measurements.size], [{ pending: 0, offline: false }, 1, 0])
  assert.deepEqual([measurements.list.value[0].waiting, measurements.list.value[0].figures['mean']], [false, 40])
})

test('a page that crashed while it waited leaves it to the next one, which sends it once', async () => {
  const crashed = world()
  crashed.server.reachable = false
  await crashed.measurements.add(LENGTH)
  await settle()
  crashed.measurements.close()
  const next = world(crashed.storage)
  await next.measurements.start()
  await settle()
  assert.deepEqual([...next.there.keys()], ['id-1'])
  assert.deepEqual(next.measurements.list.value.map(({ id, waiting }) => [id, waiting]), [['id-1', false]])
})

test('what was removed before it left is never sent; what may have left is removed on the server', async () => {
  const { server, there, storage, time, measurements } = world()
  await measurements.start()
  server.reachable = false
  await measurements.add(LENGTH) // sent in vain at once
  await measurements.add({ ...LENGTH, index: 3 }) // waits behind it
  await settle()
  await measurements.remove('id-2')
  assert.deepEqual([...storage.measurements.keys()], ['id-1'])
  await measurements.remove('id-1')
  assert.deepEqual(measurements.list.value, [])
  server.reachable = true
  there.set('id-1', { kind: 'length', slice: 2, points: [] }) // the answer was lost, the measurement was not
  await time.pass(1000)
  assert.deepEqual([there.size, storage.measurements.size, server.count('DELETE', /id-1$/)], [0, 0, 1])
})

test('what the server refuses is said and taken from the picture; the next one goes on', async () => {
  const { server, there, problems, measurements } = world()
  await measurements.start()
  let refusals = 1
  server.on('POST', /measurements$/, ({ json }) => {
    if (refusals-- > 0) return new Refusal(422, 'invalid_measurement')
    const { id, ...measured } = json as MeasurementIn & { id: string }
    there.set(id, measured)
    return kept(id, measured)
  })
  await measurements.add(LENGTH)
  await measurements.add({ ...LENGTH, index: 3 })
  await settle()
  assert.deepEqual(problems.map(({ code }) => code), ['invalid_measurement'])
  assert.deepEqual([measurements.list.value.map(({ slice }) => slice), [...there.keys()]], [[3], ['id-2']])
})

test('somebody else’s measurement that may not be removed comes back', async () => {
  const { server, there, problems, measurements } = world()
  there.set('theirs', { kind: 'length', slice: 1, points: [{ x: 0, y: 0 }, { x: 3, y: 4 }] })
  server.on('DELETE', /measurements/, () => new Refusal(403, 'not_your_measurement'))
  await measurements.start()
  await measurements.remove('theirs')
  await settle()
  assert.deepEqual([problems[0].code, measurements.list.value.map(({ id }) => id)], ['not_your_measurement', ['theirs']])
})
