import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseSlices, sliceWords } from '../../src/pages/slice_numbers.ts'

test('slices are typed one by one and as runs, counted from 1', () => {
  assert.deepEqual(parseSlices('3, 7-9，8'), [2, 6, 7, 8])
  assert.deepEqual(parseSlices(' '), [])
  for (const wrong of ['0', '5-3', 'a', '3-', '-3', '1-2-3']) assert.equal(parseSlices(wrong), null, wrong)
})

test('slices are written as they are typed', () => {
  assert.equal(sliceWords([2, 6, 7, 8]), '3, 7-9')
  assert.deepEqual(parseSlices(sliceWords([0, 4, 5])), [0, 4, 5])
})
