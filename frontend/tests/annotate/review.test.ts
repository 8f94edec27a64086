import assert from 'node:assert/strict'
import { test } from 'node:test'

import { Outbox } from '../../src/annotate/outbox.ts'
import { MemoryStorage } from '../../src/annotate/outbox_storage.ts'
import { Review } from '../../src/annotate/review.ts'
import type { ProposalOut, RevisionIn } from '../../src/api/types.ts'
import { emptyMask, isEmpty, sameMask, toCoco } from '../../src/viewer/mask.ts'
import { Session } from '../../src/viewer/session.ts'
import { clearSlice } from '../../src/viewer/slice_edits.ts'
import { LIVER, rectangle, show, volume } from '../viewer/support.ts'
import { FakeServer, FakeTime, later, Refusal, settle } from './support.ts'

const BOX = rectangle(24, 32, 8, 8, 12, 12)
const proposal = (slice: number, more: Partial<ProposalOut> = {}): ProposalOut => ({
  id: `p${slice}`, volume_id: 'v', label_id: LIVER, slice, mask: toCoco(BOX), voxels: 25, confidence: slice / 10, generator: 'sapnet',
  prompts: { points: [{ x: 10, y: 10, positive: true }], box: [8, 8, 12, 12] }, learned_prompt: null, model: 'm', job_id: 'j',
  state: 'open', revision_id: null, made_at: '', ...more,
})

/** A server with proposals and one annotation whose head is `r0`. */
async function open(proposals: ProposalOut[], { storage = new MemoryStorage(), reachable = true } = {}) {
  const time = new FakeTime()
  const sent: RevisionIn[] = []
  const server = new FakeServer()
    .on('GET', /proposals$/, ({ query }) => ({
      items: proposals.filter(({ state, id }) => state === (query?.state ?? 'open') && id > String(query?.after ?? '')),
    }))
    .on('POST', /proposals\/accept$/, ({ json }) => {
      const { ids, revision_id } = json as { ids: string[]; revision_id: string }
      const chosen = proposals.filter(({ id }) => ids.includes(id))
      return {
        revision: { id: revision_id, annotation_id: 'a' }, skipped: [],
        accepted: chosen.filter(({ voxels }) => voxels > 0).map(({ slice }) => slice), absent: chosen.filter(({ voxels }) => voxels === 0).map(({ slice }) => slice),
      }
    })
    .on('POST', /proposals\/(reject|reopen)$/, () => ({}))
    .on('POST', /revisions$/, ({ json }) => {
      sent.push(json as RevisionIn)
      return json
    })
  let ids = 0
  const newId = () => `r${++ids}`
  const session: Session = new Session({
    volume: volume(), window: { width: 100, center: 50 }, newId, onDecision: (decision) => review.decided(decision),
    onAccepted: ({ id, labelId, slices, origin }) =>
      void outbox.add(labelId, { id, origin, slices: slices.map(({ slice, flips }) => ({ slice, flips: toCoco(flips) })) }),
  })
  session.setLabels([{ id: LIVER, name: 'liver', color: '#ff0000', value: 1, shortcut: null }])
  const outbox = new Outbox({
    api: server, storage, volumeId: 'v', newId,
    localMask: (label, slice) => session.masks.get(label, slice), onServerMask: (label, slice, mask) => session.edits.replaceMask(label, slice, mask),
  })
  outbox.setHead(LIVER, 'a', 'r0')
  const stale: string[] = []
  const review: Review = new Review({
    api: server, projectId: 'p', volumeId: 'v', session, storage, outbox, newId, wait: time.wait, telemetry: () => ({ slices: [{ slice: 2, clicks: 1 }] }),
    onStale: async (label) => {
      stale.push(label)
      outbox.setHead(LIVER, 'a', 'theirs')
      return null
    },
  })
  show(session, 2)
  await review.start()
  server.reachable = reachable
  const asked = (path: RegExp) => server.asked.filter((one) => one.method === 'POST' && path.test(one.path)).map(({ json }) => json as Record<string, unknown>)
  return { server, session, review, outbox, sent, stale, asked, proposals, storage, time }
}

test('open proposals and what was turned down are there after a reload, prompts included', async () => {
  const { session, review } = await open([proposal(2), proposal(3, { state: 'rejected', id: 'p1' }), proposal(3, { state: 'absent' }), proposal(4, { state: 'accepted' })])
  assert.deepEqual([...review.open.value.keys()], [2])
  assert.deepEqual([...session.suggestions.declinedOf(LIVER)], [[3, 'absent']], 'the newest is what counts')
  assert.deepEqual(session.prompts.value, [{ kind: 'box', x0: 8, y0: 8, x1: 12, y1: 12 }, { kind: 'point', x: 10, y: 10, positive: true }])
  assert.equal(session.suggestion.value!.confidence, 0.2)
})

test('while a job goes on only what is new is read, one look at a time; what was drawn meanwhile gets none', async () => {
  const { server, session, review, proposals } = await open([proposal(2)])
  session.edits.replaceMask(LIVER, 4, BOX)
  proposals.push(proposal(3), proposal(4))
  const before = server.count('GET', /proposals$/)
  void review.update(LIVER, false)
  await review.update(LIVER, false)
  assert.equal(server.count('GET', /proposals$/), before + 1)
  assert.deepEqual([...review.open.value.keys()], [2, 3])
  proposals.shift()
  await review.update(LIVER, true)
  assert.deepEqual([...review.open.value.keys()].toSorted(), [3, 4], 'at the end everything is read anew')
})

test('accepting a slice makes a revision on top of the newest one, with the telemetry', async () => {
  const { session, review, outbox, asked } = await open([proposal(2), proposal(3)])
  await review.accept()
  assert.deepEqual(asked(/accept$/), [{ label_id: LIVER, ids: ['p2'], revision_id: 'r1', parent: 'r0', telemetry: { slices: [{ slice: 2, clicks: 1 }] } }])
  assert.ok(sameMask(session.masks.get(LIVER, 2), BOX))
  assert.deepEqual([outbox.head(LIVER), [...review.open.value.keys()]], ['r1', [3]])
})

test('accepting the sure ones takes those from the chosen confidence on, as one step', async () => {
  const { session, review, asked } = await open([proposal(1), proposal(3), proposal(4, { mask: toCoco(emptyMask(24, 32)), voxels: 0 })])
  review.confidence.value = 0.3
  await review.acceptSure()
  assert.deepEqual(asked(/accept$/)[0].ids, ['p3', 'p4'])
  assert.deepEqual(session.masks.slices(LIVER), [3])
  assert.equal(session.suggestions.declinedOf(LIVER).get(4), 'absent')
})

test('undoing sends the revision first and opens the proposals again after it', async () => {
  const { session, review, sent, server } = await open([proposal(2)])
  await review.accept()
  session.undo()
  await settle()
  assert.deepEqual(sent.map(({ origin, parent, reverts }) => [origin, parent, reverts]), [['undo', 'r1', undefined]])
  const order = server.asked.filter(({ method }) => method === 'POST').map(({ path }) => path.split('/').at(-1))
  assert.deepEqual(order, ['accept', 'revisions', 'reopen'])
  assert.ok(isEmpty(session.masks.get(LIVER, 2)))
  assert.ok(session.suggestion.value)
})

test('what is drawn while the server accepts goes on top of that', async () => {
  const { session, review, sent, server } = await open([proposal(2)])
  const answer = later<unknown>()
  server.on('POST', /accept$/, () => answer.promise)
  const accepting = review.accept()
  await settle()
  session.edits.replaceMask(LIVER, 3, BOX)
  show(session, 3)
  clearSlice(session)
  await settle()
  assert.equal(sent.length, 0, 'nothing is sent in between')
  answer.give({ revision: { id: 'r1', annotation_id: 'a' }, accepted: [2], absent: [], skipped: [] })
  await accepting
  await settle()
  assert.deepEqual(sent.map(({ parent }) => parent), ['r1'])
})

test('somebody else was faster: their state is loaded, and ours goes on top', async () => {
  const { server, review, stale, asked, session } = await open([proposal(2)])
  let refusals = 1
  server.on('POST', /accept$/, ({ json }) => (refusals-- > 0 ? new Refusal(409, 'stale_revision')
    : { revision: { id: (json as { revision_id: string }).revision_id, annotation_id: 'a' }, accepted: [2], absent: [], skipped: [] }))
  await review.accept()
  assert.deepEqual(stale, [LIVER])
  assert.deepEqual(asked(/accept$/).map(({ parent }) => parent), ['r0', 'theirs'])
  assert.deepEqual([review.problem.value, session.masks.slices(LIVER)], [null, [2]])
})

test('a proposal that is gone is read anew and said; the next success takes that back', async () => {
  const { server, review, proposals } = await open([proposal(2)])
  server.on('POST', /accept$/, () => new Refusal(404, 'proposal_not_found'))
  proposals.splice(0, 1, proposal(2, { id: 'p9' }))
  await review.accept()
  assert.deepEqual([review.problem.value?.code, review.open.value.get(2)!.id, review.busy.value], ['proposal_not_found', 'p9', false])
})

test('without a connection accepting says so at once and nothing changes', async () => {
  const { server, review, session } = await open([proposal(2)])
  server.reachable = false
  await review.accept()
  assert.equal(review.problem.value?.code, 'offline')
  assert.ok(session.suggestion.value)
  assert.ok(isEmpty(session.masks.get(LIVER, 2)))
})

test('turning down is told to the server, and shown again if it does not know it', async () => {
  const { server, session, review, asked } = await open([proposal(2)])
  session.decline('absent')
  await settle()
  assert.deepEqual(asked(/reject$/), [{ label_id: LIVER, slices: [2], absent: true }])
  session.undo()
  await settle()
  assert.deepEqual(asked(/reopen$/), [{ label_id: LIVER, slices: [2] }])
  server.on('POST', /reject$/, () => new Refusal(422, 'broken'))
  session.decline('rejected')
  await settle()
  assert.equal(review.problem.value?.code, 'broken')
  assert.ok(session.suggestion.value)
})

test('the sure ones of all pictures: here as a step that can be undone, elsewhere by the server', async () => {
  const { server, session, review, asked } = await open([proposal(2, { confidence: 0.9 })])
  server.on('POST', /projects\/p\/proposals\/accept$/, () => ({ accepted: 3, absent: 1, skipped: 0, left: 0 }))
  await review.acceptPictures()
  assert.deepEqual(asked(/projects\/p\/proposals\/accept$/), [{ label_id: LIVER, min_confidence: 0.8 }])
  assert.equal(review.pictures.value, 5)
  assert.ok(session.masks.has(LIVER, 2))
  session.undo()
  assert.ok(!session.masks.has(LIVER, 2))
  server.on('POST', /projects\/p\/proposals\/accept$/, () => new Refusal(404, 'proposal_not_found'))
  await review.acceptPictures()
  assert.equal(review.problem.value, null, 'nothing was left to accept')
})

test('what is turned down without a connection survives a reload, and is told when there is one', async () => {
  const first = await open([proposal(2), proposal(3)], { reachable: false })
  show(first.session, 3)
  first.session.decline('absent')
  show(first.session, 2)
  first.session.decline('rejected')
  await settle()
  first.session.undo()
  await settle()
  first.review.close()

  const { session, server, asked, storage } = await open([proposal(2), proposal(3)], { storage: first.storage })
  assert.deepEqual([...session.suggestions.openOf(LIVER).keys()], [2])
  assert.deepEqual([...session.suggestions.declinedOf(LIVER)], [[3, 'absent']])
  await settle()
  const told = server.asked.filter(({ method }) => method === 'POST').map(({ path, json }) => [path.split('/').at(-1), (json as { slices: number[] }).slices])
  assert.deepEqual(told, [['reject', [3]], ['reject', [2]], ['reopen', [2]]])
  assert.equal(asked(/reject$/)[0]['absent'], true)
  assert.equal(storage.decisions.size, 0)
})

test('a server that is unwell is told again until it has heard', async () => {
  const { server, session, asked, time, review } = await open([proposal(2)])
  server.on('POST', /reject$/, () => new Refusal(503, 'database_unavailable'))
  session.decline('rejected')
  await time.pass(10_000)
  assert.ok(asked(/reject$/).length > 2)
  server.on('POST', /reject$/, () => ({}))
  await time.pass(10_000)
  const asks = asked(/reject$/).length
  await time.pass(10_000)
  assert.equal(asked(/reject$/).length, asks)
  assert.deepEqual([review.problem.value, session.suggestions.declinedOf(LIVER).get(2)], [null, 'rejected'])
})

test('the walk begins with the least certain, goes on from there, and begins anew when one has left it', async () => {
  const { session, review } = await open([proposal(1), proposal(2), proposal(3)])
  const visit = () => {
    review.walk()
    return session.view.slice.value
  }
  assert.deepEqual([visit(), visit()], [1, 2], 'although it was opened on slice 2')
  session.view.setAxis(1)
  assert.deepEqual([visit(), session.view.axis.value], [1, 0])
  show(session, 3)
  assert.equal(visit(), 1)
})
