// Where segments of mask files go: what is proposed, what is asked of the server, what has to be allowed first.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { FoundSegment, MaskFileOutcome } from '../../src/api/mask_types.ts'
import { countWanted, drawnBefore, isNameless, keyOf, missing, NEW, NOWHERE, proposed, targetsOf } from '../../src/panels/mask_choices.ts'

const segment = (number: number, part: Partial<FoundSegment> = {}): FoundSegment => ({
  number, name: `s${number}`, color: null, code: null, voxels: 8, volume_ml: 1, slices: 2, drawn_before: 0, label_id: null,
  would_be: { name: `s${number}`, color: null, code: null }, ...part,
})
const resample = { option: 'resample', code: 'mask_needs_resampling', title: '', detail: '' } as const
const FILES: MaskFileOutcome[] = [
  { upload: 0, name: '', outcome: 'refused' },
  { file: 0, upload: 1, name: '', outcome: 'ready', segments: [segment(1, { label_id: 'liver', drawn_before: 3 }), segment(2), segment(3, { slices: 0 })], needs: [] },
  { file: 1, upload: 2, name: '', outcome: 'ready', segments: [segment(1)], needs: [resample] },
]

test('labels that match are proposed, new ones only to who may make them, empty segments go nowhere', () => {
  assert.deepEqual([...proposed(FILES, false).values()], ['liver', NOWHERE, NOWHERE, NOWHERE])
  assert.deepEqual([...proposed(FILES, true).values()], ['liver', NEW, NOWHERE, NEW])
})

test('every segment is named to the server, those that go nowhere too', () => {
  assert.deepEqual(targetsOf(FILES, proposed(FILES, true), new Map()), [
    { file: 0, segment: '1', label_id: 'liver' },
    { file: 0, segment: '2', new_label: { name: 's2', color: null, code: null } },
    { file: 0, segment: '3' },
    { file: 1, segment: '1', new_label: { name: 's1', color: null, code: null } },
  ])
  assert.equal(countWanted(proposed(FILES, true)), 3)
})

test('a new label is called what it was renamed to, and not nothing', () => {
  const all = proposed(FILES, true)
  const renamed = new Map([[keyOf(0, 2), ' Duodenum ']])
  assert.deepEqual(targetsOf(FILES, all, renamed)[1], { file: 0, segment: '2', new_label: { name: 'Duodenum', color: null, code: null } })
  assert.equal(isNameless(all, renamed), false)
  const empty = new Map([[keyOf(0, 2), ' ']])
  assert.equal(isNameless(all, empty), true)
  assert.equal(isNameless(new Map(all).set(keyOf(0, 2), NOWHERE), empty), false)
})

test('only files of which something is wanted need to be allowed', () => {
  const all = proposed(FILES, true)
  assert.deepEqual(missing(FILES, all, new Set()), [resample])
  assert.deepEqual(missing(FILES, all, new Set(['resample'] as const)), [])
  assert.deepEqual(missing(FILES, new Map(all).set(keyOf(1, 1), NOWHERE), new Set()), [])
})

test('slices drawn before count while a segment goes where it was proposed to', () => {
  const all = proposed(FILES, true)
  assert.equal(drawnBefore(FILES, all), 3)
  assert.equal(drawnBefore(FILES, new Map(all).set(keyOf(0, 1), NEW)), 0)
})
