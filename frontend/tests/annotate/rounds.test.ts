import assert from 'node:assert/strict'
import { test } from 'node:test'

import { ADDED_COLOR, REMOVED_COLOR, Rounds } from '../../src/annotate/rounds.ts'
import { LabelMasks } from '../../src/viewer/label_masks.ts'
import { area, sameMask, toCoco, type Mask } from '../../src/viewer/mask.ts'
import { Scene } from '../../src/viewer/scene.ts'
import { LIVER, openSession, rectangle, show } from '../viewer/support.ts'
import { FakeServer, Refusal } from './support.ts'

const box = (x1: number) => rectangle(24, 32, 8, 8, x1, 12)

/** The liver was `box(12)` on slices 1 and 2; now it is larger on 2, gone on 1, and new on 3. */
async function open() {
  const then: Readonly<Record<number, Mask>> = { 1: box(12), 2: box(12) }
  const server = new FakeServer()
    .on('GET', /annotations$/, () => ({ items: [{ id: 'a', label_id: LIVER }] }))
    .on('GET', /masks$/, ({ query }) => (query?.['round'] === 'previous'
      ? { slices: Object.fromEntries(Object.entries(then).map(([slice, mask]) => [slice, toCoco(mask)])) }
      : new Refusal(404, 'revision_not_found')))
  const { session } = openSession()
  session.edits.replaceMask(LIVER, 2, box(14))
  session.edits.replaceMask(LIVER, 3, box(10))
  const volume = { id: 'v', ...session.view.volume } as never
  const rounds = new Rounds({ api: server, session, volume, personId: 'ann' })
  return { server, session, rounds }
}

test('what was added and removed is laid over the masks, and follows what is drawn', async () => {
  const { server, session, rounds } = await open()
  await rounds.compare('previous', 'over')
  assert.equal(server.asked[0].query?.['annotator_id'], 'ann')
  assert.deepEqual(rounds.changed.value, [1, 2, 3])
  const over = () => Object.fromEntries(session.laidOver.value.filter(({ labelId }) => labelId === LIVER).map(({ color, masks }) => [color, masks as LabelMasks]))
  assert.equal(area(over()[ADDED_COLOR].get(LIVER, 2)), area(box(14)) - area(box(12)))
  assert.ok(sameMask(over()[REMOVED_COLOR].get(LIVER, 1), box(12)))
  session.edits.change(LIVER, [{ slice: 1, flips: box(12) }], 'manual')
  assert.deepEqual(rounds.changed.value, [2, 3])
  assert.equal(area(over()[REMOVED_COLOR].get(LIVER, 1)), 0)
  rounds.close()
  assert.deepEqual(session.laidOver.value, [])
})

test('side by side each picture shows its own round and what the other lacks', async () => {
  const { session, rounds } = await open()
  await rounds.compare('previous', 'beside')
  const now = new Scene(session, session.view), then = new Scene(session, session.view, () => session.before.value)
  const colors = (scene: Scene) => scene.masks().outlines.map(({ color }) => color)
  show(session, 1)
  assert.deepEqual([colors(now), colors(then)], [[], ['#ff0000', REMOVED_COLOR]])
  show(session, 3)
  assert.deepEqual([colors(now), colors(then)], [['#ff0000', ADDED_COLOR], []])
})

test('flipped, the masks of then stand in place of those of now, and nobody draws on them', async () => {
  const { session, rounds } = await open()
  await rounds.compare('previous', 'over')
  const scene = new Scene(session, session.view)
  show(session, 2)
  rounds.flip()
  assert.ok(sameMask(scene.masks().layers[0].mask.toMask(), box(12)))
  assert.deepEqual([scene.masks().layers.length, rounds.flipped.value, session.canDraw.value], [1, true, false])
  rounds.flip()
  assert.ok(sameMask(scene.masks().layers[0].mask.toMask(), box(14)))
  assert.equal(session.canDraw.value, true)
})

test('the next change comes after the visible slice, and after the last the first', async () => {
  const { session, rounds } = await open()
  await rounds.compare('previous', 'over')
  show(session, 2)
  rounds.next()
  assert.equal(session.view.slice.value, 3)
  rounds.next()
  assert.equal(session.view.slice.value, 1)
})

test('a round that never was says so and leaves the picture as it is', async () => {
  const { session, rounds } = await open()
  await rounds.compare('submitted', 'over')
  assert.equal(rounds.problem.value?.code, 'revision_not_found')
  assert.deepEqual([rounds.ready.value, session.laidOver.value], [false, []])
})
