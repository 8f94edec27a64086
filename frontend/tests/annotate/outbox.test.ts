import assert from 'node:assert/strict'
import { test } from 'node:test'

import { uuid7Maker } from '../../src/annotate/ids.ts'
import { Outbox } from '../../src/annotate/outbox.ts'
import { MemoryStorage } from '../../src/annotate/outbox_storage.ts'
import type { AnnotationOut, RevisionIn, Rle } from '../../src/api/types.ts'
import { emptyMask, fromCoco, sameMask, toCoco, xor, type Mask } from '../../src/viewer/mask.ts'
import { LabelMasks } from '../../src/viewer/label_masks.ts'
import { rectangle } from '../viewer/support.ts'
import { FakeServer, FakeTime, Refusal, settle } from './support.ts'

const LABEL = 'liver', VOLUME = 'v'
const rect = (x0: number, y0: number, x1: number, y1: number) => rectangle(8, 8, x0, y0, x1, y1)
const nextId = () => { let n = 0; return () => `id-${String(++n).padStart(4, '0')}` }

/** Keeps annotations as the server does: appends when the parent is the head, knows an id again, tells what is stale. */
class FakeAnnotations {
  readonly server = new FakeServer()
  readonly revisions: RevisionIn[] = []
  created = 0

  constructor() {
    this.server
      .on('POST', /annotations$/, () => {
        this.created++
        return this.view()
      })
      .on('POST', /revisions$/, ({ json }) => this.append(json as RevisionIn))
      .on('GET', /revisions$/, () => ({ items: this.revisions }))
      .on('GET', /slices\/\d+$/, ({ path }) => ({ head: this.head, mask: this.mask(Number(path.split('/').at(-1))) }))
  }

  get head(): string | null {
    return this.revisions.at(-1)?.id ?? null
  }

  view(): AnnotationOut {
    const annotator = { id: 'u', name: 'u', email: 'u' }
    return { id: 'a', volume_id: VOLUME, label_id: LABEL, annotator, head: this.head, sequence: this.revisions.length, slices: [] }
  }

  append(revision: RevisionIn): unknown {
    if (this.revisions.some(({ id }) => id === revision.id)) return revision
    if (revision.parent !== this.head) {
      const since = this.revisions.findIndex(({ id }) => id === revision.parent) + 1
      const changed = this.revisions.slice(since).flatMap(({ slices }) => slices.map(({ slice }) => slice))
      return new Refusal(409, 'stale_revision', { head: this.head, sequence: this.revisions.length, changed_slices: changed })
    }
    this.revisions.push(revision)
    return revision
  }

  mask(slice: number): Rle {
    const parts = this.revisions.flatMap(({ slices }) => slices).filter((part) => part.slice === slice)
    return toCoco(parts.reduce((mask: Mask, { flips }) => xor(mask, fromCoco(flips)), emptyMask(8, 8)))
  }
}

function open(world = new FakeAnnotations(), storage = new MemoryStorage(), newId = nextId()) {
  const time = new FakeTime()
  const masks = new LabelMasks([9, 8, 8])
  const outbox = new Outbox({
    api: world.server, storage, volumeId: VOLUME, newId, wait: time.wait,
    localMask: (label, slice) => masks.get(label, slice),
    onServerMask: (label, slice, mask) => masks.set(label, slice, mask),
  })
  /** What the session does when a person accepts: changes the mask on the screen, hands the flips over. */
  const accept = (slice: number, flips: Mask) => {
    masks.set(LABEL, slice, xor(masks.get(LABEL, slice), flips))
    return outbox.add(LABEL, { id: newId(), origin: 'manual', slices: [{ slice, flips: toCoco(flips) }] })
  }
  return { world, storage, time, masks, outbox, accept }
}

test('an accepted revision is kept first, sent, and forgotten when the server has it', async () => {
  const { world, storage, outbox, accept } = open()
  await outbox.open([])
  assert.equal(outbox.saving.value.kind, 'saved')
  const added = accept(1, rect(0, 0, 2, 2))
  assert.deepEqual(outbox.saving.value, { kind: 'saving', pending: 1 })
  await added
  await settle()
  assert.equal(outbox.saving.value.kind, 'saved')
  assert.equal(storage.entries.size, 0)
  assert.equal(world.created, 1)
  assert.deepEqual(world.revisions.map(({ parent }) => parent), [null])
})

test('revisions go in order, each on top of the one before', async () => {
  const { world, outbox, accept } = open()
  await outbox.open([])
  await Promise.all([accept(1, rect(0, 0, 2, 2)), accept(2, rect(1, 1, 2, 2)), accept(1, rect(2, 2, 3, 3))])
  await settle()
  assert.deepEqual(world.revisions.map(({ parent }) => parent), [null, world.revisions[0].id, world.revisions[1].id])
  assert.equal(world.created, 1)
})

test('offline: work goes on, is kept, and is sent when the server is back, with growing pauses', async () => {
  const { world, storage, time, outbox, accept } = open()
  await outbox.open([])
  world.server.reachable = false
  await accept(1, rect(0, 0, 2, 2))
  await settle()
  await accept(2, rect(0, 0, 2, 2))
  await settle()
  assert.deepEqual(outbox.saving.value, { kind: 'offline', pending: 2 })
  assert.equal(storage.entries.size, 2)
  await time.pass(60_000)
  const tries = world.server.asked.length
  assert.ok(tries >= 4 && tries <= 10, `${tries} tries in a minute`)
  world.server.reachable = true
  await time.pass(31_000)
  assert.equal(outbox.saving.value.kind, 'saved')
  assert.equal(world.revisions.length, 2)
})

test('flush does not wait for the next try', async () => {
  const { world, outbox, accept } = open()
  await outbox.open([])
  world.server.reachable = false
  await accept(1, rect(0, 0, 2, 2))
  await settle()
  world.server.reachable = true
  await outbox.flush()
  assert.equal(outbox.saving.value.kind, 'saved')
})

test('the answer was lost: the retry carries the same id and nothing happens twice', async () => {
  const { world, time, outbox, accept } = open()
  await outbox.open([world.view()])
  let lost = true
  world.server.on('POST', /revisions$/, ({ json }) => {
    const answer = world.append(json as RevisionIn)
    if (!lost) return answer
    lost = false
    return new Refusal(502, 'bad_gateway')
  })
  await accept(1, rect(0, 0, 2, 2))
  await settle()
  assert.equal(outbox.saving.value.kind, 'offline')
  await time.pass(2000)
  assert.equal(outbox.saving.value.kind, 'saved')
  assert.equal(world.revisions.length, 1)
})

test('after a crash the next page sends what was left', async () => {
  const world = new FakeAnnotations(), storage = new MemoryStorage(), newId = nextId()
  const before = open(world, storage, newId)
  await before.outbox.open([])
  world.server.reachable = false
  await before.accept(1, rect(0, 0, 2, 2))
  await before.accept(1, rect(1, 1, 3, 3))
  before.outbox.close()
  world.server.reachable = true
  const after = open(world, storage, newId)
  await after.outbox.open([world.view()])
  assert.deepEqual(await after.outbox.unsent(), [])
  assert.equal(world.revisions.length, 2)
  assert.deepEqual(world.mask(1), toCoco(before.masks.get(LABEL, 1)))
})

test('after a crash without a server: the page shows what waits, except what the server already had', async () => {
  const world = new FakeAnnotations(), storage = new MemoryStorage(), newId = nextId()
  const before = open(world, storage, newId)
  await before.outbox.open([world.view()])
  let answering = false
  world.server.on('POST', /revisions$/, ({ json }) => {
    if (!answering) world.append(json as RevisionIn) // stored, but the answer never arrives
    return new Refusal(503, 'unavailable')
  })
  await before.accept(1, rect(0, 0, 2, 2))
  await settle()
  answering = true
  await before.accept(2, rect(0, 0, 1, 1))
  await settle()
  before.outbox.close()

  const after = open(world, storage, newId)
  await after.outbox.open([world.view()])
  const unsent = await after.outbox.unsent()
  assert.deepEqual(unsent.map(({ revision }) => revision.slices[0].slice), [2])
})

test('somebody changed another slice: ours goes on top and theirs is shown', async () => {
  const { world, masks, outbox, accept } = open()
  await outbox.open([world.view()])
  world.append({ id: 'theirs', parent: null, origin: 'manual', slices: [{ slice: 5, flips: toCoco(rect(0, 0, 7, 7)) }] })
  await accept(1, rect(0, 0, 2, 2))
  await accept(1, rect(2, 2, 3, 3))
  await settle()
  assert.equal(outbox.saving.value.kind, 'saved')
  assert.deepEqual(world.revisions.map(({ id, parent }) => [id, parent]).slice(0, 2), [['theirs', null], [world.revisions[1].id, 'theirs']])
  assert.equal(world.revisions.length, 3)
  assert.ok(sameMask(masks.get(LABEL, 5), rect(0, 0, 7, 7)))
})

async function inConflict() {
  const opened = open()
  await opened.outbox.open([opened.world.view()])
  const theirs = { slice: 1, flips: toCoco(rect(0, 0, 4, 4)) }
  opened.world.append({ id: 'theirs', parent: null, origin: 'manual', slices: [theirs, { slice: 3, flips: toCoco(rect(6, 6, 7, 7)) }] })
  await opened.accept(1, rect(3, 3, 6, 6))
  await opened.accept(2, rect(3, 3, 6, 6))
  await settle()
  return opened
}

test('somebody changed the same slice: nothing is sent until a person decides', async () => {
  const { world, time, outbox } = await inConflict()
  assert.deepEqual(outbox.saving.value, { kind: 'conflict', pending: 2, labelId: LABEL, slices: [1, 3], contested: [1] })
  await time.pass(120_000)
  await outbox.flush()
  assert.equal(world.revisions.length, 1)
})

test('a label that waits for a person does not keep the others waiting', async () => {
  const { world, outbox } = await inConflict()
  const kidney: string[] = []
  world.server.on('POST', /annotations$/, () => ({ ...world.view(), id: 'b', label_id: 'kidney', head: null }))
    .on('POST', /b\/revisions$/, ({ json }) => {
      kidney.push((json as RevisionIn).id)
      return json
    })
  await outbox.add('kidney', { id: 'k1', origin: 'manual', slices: [{ slice: 1, flips: toCoco(rect(0, 0, 1, 1)) }] })
  await settle()
  assert.deepEqual(kidney, ['k1'])
  assert.deepEqual([outbox.saving.value.kind, world.revisions.length], ['conflict', 1])
})

test('mine: one revision makes the server show what this page shows; their other slices come in', async () => {
  const { world, masks, storage, outbox } = await inConflict()
  await outbox.resolveConflict('mine')
  await settle()
  assert.equal(outbox.saving.value.kind, 'saved')
  assert.equal(world.revisions.length, 2)
  assert.deepEqual(world.mask(1), toCoco(rect(3, 3, 6, 6)))
  assert.deepEqual(world.mask(2), toCoco(rect(3, 3, 6, 6)))
  assert.ok(sameMask(masks.get(LABEL, 3), rect(6, 6, 7, 7)))
  assert.equal(storage.entries.size, 0)
})

test('theirs: ours is dropped and the page shows the server', async () => {
  const { world, masks, storage, outbox, accept } = await inConflict()
  await outbox.resolveConflict('theirs')
  await settle()
  assert.equal(outbox.saving.value.kind, 'saved')
  assert.equal(world.revisions.length, 1)
  assert.ok(sameMask(masks.get(LABEL, 1), rect(0, 0, 4, 4)))
  assert.ok(sameMask(masks.get(LABEL, 2), emptyMask(8, 8)))
  assert.equal(storage.entries.size, 0)
  await accept(4, rect(0, 0, 1, 1))
  await settle()
  assert.equal(world.revisions.at(-1)!.parent, 'theirs')
})

test('slice by slice: theirs where it was chosen, ours on all others, in one revision', async () => {
  const { world, masks, outbox, accept } = open()
  await outbox.open([world.view()])
  world.append({ id: 'theirs', parent: null, origin: 'manual', slices: [1, 3, 5].map((slice) => ({ slice, flips: toCoco(rect(0, 0, 4, 4)) })) })
  for (const slice of [1, 2, 3]) await accept(slice, rect(3, 3, 6, 6))
  await settle()
  assert.deepEqual([...(await outbox.contested())!.keys()], [1, 3])
  await outbox.resolveConflict(new Set([1]))
  await settle()
  assert.equal(outbox.saving.value.kind, 'saved')
  assert.deepEqual([1, 2, 3, 5].map((slice) => world.mask(slice)), [rect(0, 0, 4, 4), rect(3, 3, 6, 6), rect(3, 3, 6, 6), rect(0, 0, 4, 4)].map(toCoco))
  assert.ok(sameMask(masks.get(LABEL, 1), rect(0, 0, 4, 4)) && sameMask(masks.get(LABEL, 5), rect(0, 0, 4, 4)))
  assert.equal(world.revisions.length, 2)
})

test('a refusal keeps the work and says why; flush tries again', async () => {
  const { world, storage, time, outbox, accept } = open()
  await outbox.open([world.view()])
  let signedIn = false
  world.server.on('POST', /revisions$/, ({ json }) => (signedIn ? world.append(json as RevisionIn) : new Refusal(401, 'unauthenticated')))
  await accept(1, rect(0, 0, 2, 2))
  await settle()
  await time.pass(60_000)
  assert.ok(outbox.saving.value.kind === 'refused' && outbox.saving.value.problem.code === 'unauthenticated')
  assert.equal(world.server.count('POST', /revisions$/), 1)
  assert.equal(storage.entries.size, 1)
  signedIn = true
  await outbox.flush()
  assert.equal(outbox.saving.value.kind, 'saved')
})

test('a browser that keeps nothing still saves', async (t) => {
  t.mock.method(console, 'warn', () => {})
  const storage = new MemoryStorage()
  storage.put = () => Promise.reject(new Error('quota'))
  const { world, outbox, accept } = open(new FakeAnnotations(), storage)
  await outbox.open([world.view()])
  await accept(1, rect(0, 0, 2, 2))
  await settle()
  assert.equal(world.revisions.length, 1)
  assert.equal(outbox.saving.value.kind, 'saved')
})

test('ids are UUIDs of version 7 whose order is the order of making, also when the clock stands or steps back', () => {
  const clock = [1000, 1000, 1000, 900, 1001, 2 ** 41]
  const make = uuid7Maker(() => clock.shift()!, (bytes) => bytes.fill(0xff))
  const ids = Array.from({ length: 6 }, make)
  for (const id of ids) assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  assert.deepEqual(ids.toSorted(), ids)
  assert.equal(new Set(ids).size, 6)
  assert.equal(Number.parseInt(ids[5].replaceAll('-', '').slice(0, 12), 16), 2 ** 41)
})

test('corrections of somebody else’s masks are kept apart from own changes, and sent as what they are', async () => {
  const world = new FakeAnnotations(), storage = new MemoryStorage(), newId = nextId()
  const made = (annotatorId: string | null) => new Outbox({
    api: world.server, storage, volumeId: VOLUME, annotatorId, newId, localMask: () => emptyMask(8, 8), onServerMask: () => {}, wait: new FakeTime().wait,
  })
  world.server.reachable = false
  const own = made(null)
  await own.open([])
  await own.add(LABEL, { id: newId(), origin: 'manual', slices: [{ slice: 1, flips: toCoco(rect(0, 0, 2, 2)) }] })
  own.close()
  const corrections = made('ann')
  await corrections.open([])
  assert.equal(corrections.saving.value.kind, 'saved')
  world.server.reachable = true
  await corrections.add(LABEL, { id: newId(), origin: 'review', slices: [{ slice: 2, flips: toCoco(rect(0, 0, 2, 2)) }] })
  await settle()
  assert.deepEqual(world.revisions.map(({ origin }) => origin), ['review'])
  const created = world.server.asked.findLast(({ method, path }) => method === 'POST' && path === '/api/annotations')
  assert.equal((created?.json as { annotator_id: string }).annotator_id, 'ann')
  assert.equal((await storage.load(VOLUME)).length, 1)
})
