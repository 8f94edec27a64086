import assert from 'node:assert/strict'
import { test } from 'node:test'

import { SliceLoader } from '../../src/annotate/slice_loader.ts'
import type { LoadedSlice } from '../../src/viewer/view_state.ts'
import { FakeServer, FakeTime, later, Refusal, settle } from './support.ts'

const SLICE = /slices\/(\d)\/(\d+)$/

/** A 2 x 2 slice whose values are its index. */
function bytes(index: number): ArrayBuffer {
  const buffer = new ArrayBuffer(16 + 4)
  const view = new DataView(buffer)
  new Uint8Array(buffer).set([83, 77, 87, 49, 1, 1])
  view.setUint32(8, 2, true)
  view.setUint32(12, 2, true)
  new Uint8Array(buffer, 16).fill(index)
  return buffer
}

function open(budgetBytes?: number) {
  const shown: LoadedSlice[] = []
  const server = new FakeServer().on('GET', SLICE, ({ path }) => bytes(Number(path.split('/').at(-1))))
  const time = new FakeTime()
  const loader = new SliceLoader({
    api: server, volumeId: 'v', pixels: 'now', shapeKji: [100, 2, 2], onSlice: (slice) => shown.push(slice), wait: time.wait,
    ...(budgetBytes === undefined ? {} : { budgetBytes }),
  })
  const indices = () => server.asked.map(({ path }) => Number(path.split('/').at(-1)))
  return { loader, server, time, shown, indices }
}

function failure(loader: SliceLoader): string | null {
  const state = loader.state.value
  return state.kind === 'failed' ? state.problem.code : null
}

test('the visible slice comes first, then its neighbours, more of them ahead', async () => {
  const { loader, shown, indices } = open()
  loader.show(0, 50)
  assert.equal(loader.state.value.kind, 'loading')
  for (let n = 0; n < 10; n++) await settle()
  assert.equal(loader.state.value.kind, 'shown')
  assert.deepEqual([shown[0].axis, shown[0].index, shown[0].image.data[0]], [0, 50, 50])
  assert.deepEqual(indices().slice(0, 5), [50, 51, 49, 52, 48])
  assert.equal(Math.max(...indices()), 62)
  assert.equal(Math.min(...indices()), 46)
  assert.equal(new Set(indices()).size, indices().length, 'nothing twice')
})

test('scrolling up loads more above', async () => {
  const { loader, indices } = open()
  loader.show(0, 50)
  loader.show(0, 49)
  for (let n = 0; n < 10; n++) await settle()
  assert.equal(Math.min(...indices()), 37)
})

test('a slice that has been seen is shown at once', async () => {
  const { loader, server, shown } = open()
  loader.show(0, 50)
  for (let n = 0; n < 10; n++) await settle()
  const asked = server.asked.length
  loader.show(0, 51)
  assert.equal(shown.at(-1)!.index, 51)
  assert.equal(loader.state.value.kind, 'shown')
  assert.equal(server.count('GET', /\/51$/), 1)
  assert.ok(server.asked.length <= asked + 1)
})

test('after a jump stale requests are given up, and the slice on the screen does not wait for them', async () => {
  const { loader, server, shown } = open()
  const slow = later<ArrayBuffer>()
  server.on('GET', /slices\/0\/(50|51|49|52)$/, () => slow.promise)
  loader.show(0, 50)
  await settle()
  loader.show(0, 90)
  const aborted = server.asked.filter((asked) => asked.signal!.aborted).map(({ path }) => path.split('/').at(-1))
  assert.deepEqual(aborted, ['50', '51', '49', '52'])
  for (let n = 0; n < 10; n++) await settle()
  assert.equal(shown.at(-1)!.index, 90)
  slow.give(bytes(50))
  await settle()
  assert.equal(shown.at(-1)!.index, 90, 'a late answer is not shown')
})

test('memory is bounded: the longest unused slices go', async () => {
  const { loader, server } = open(4 * 20) // twenty slices
  for (const index of [10, 40, 70]) {
    loader.show(0, index)
    for (let n = 0; n < 10; n++) await settle()
  }
  loader.show(0, 70)
  loader.show(0, 10)
  for (let n = 0; n < 10; n++) await settle()
  assert.equal(server.count('GET', /\/70$/), 1)
  assert.equal(server.count('GET', /\/10$/), 2)
})

test('a failure is told for the visible slice, and tried again when it may pass', async () => {
  const { loader, server, time, shown } = open()
  server.reachable = false
  loader.show(0, 5)
  await settle()
  assert.equal(failure(loader), 'offline')
  server.reachable = true
  await time.pass(4000)
  assert.equal(loader.state.value.kind, 'shown')
  assert.equal(shown.at(-1)!.index, 5)
})

test('a refusal and bytes that are no slice are told and not asked for again and again', async () => {
  const { loader, server, time } = open()
  server.on('GET', SLICE, () => new Refusal(403, 'forbidden'))
  loader.show(0, 5)
  await settle()
  assert.equal(failure(loader), 'forbidden')
  const asked = server.count('GET', /\/5$/)
  await time.pass(60_000)
  assert.equal(server.count('GET', /\/5$/), asked)
  server.on('GET', SLICE, () => new ArrayBuffer(3))
  loader.show(0, 7)
  await settle()
  assert.equal(failure(loader), 'malformed_slice')
})
