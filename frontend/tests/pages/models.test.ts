import assert from 'node:assert/strict'
import { test } from 'node:test'

import { MODELS_TEXTS } from '../../src/i18n/models_text.ts'
import { examplesOf, sliceNumbers } from '../../src/pages/model_facts.ts'

const taught = (...slices: number[]) => examplesOf({ examples: slices.map((slice) => ({ volume_id: 'v', slice, revision_id: `r${slice}` })) })

test('slices are counted from one, and neighbours are joined', () => {
  assert.equal(sliceNumbers(taught(6, 0, 1, 2)), '1–3, 7')
  assert.equal(sliceNumbers(taught(3, 4)), '4, 5')
  assert.equal(sliceNumbers(taught(0, 0, 0)), '1', 'one of each of three pictures')
  assert.equal(sliceNumbers([]), '')
})

test('every verdict has its reason in words', () => {
  for (const { reasons } of Object.values(MODELS_TEXTS)) assert.deepEqual(Object.keys(reasons), ['better', 'no_gain', 'deaf'])
})
