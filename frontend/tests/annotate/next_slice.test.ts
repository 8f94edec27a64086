import assert from 'node:assert/strict'
import { test } from 'node:test'

import { emptyBetween, leastCertainFirst, nextLeastCertain, nextUseful, type Progress } from '../../src/annotate/next_slice.ts'

const at = (current: number, more: Partial<Progress> = {}): Progress =>
  ({ current, annotated: [], open: new Map(), absent: new Set(), ...more })
const open = new Map([[4, 0.9], [7, 0.2], [5, 0.4], [6, 0.4]])

test('the walk goes from the least to the most certain and begins again', () => {
  assert.deepEqual(leastCertainFirst(open), [7, 5, 6, 4])
  const walk = [0]
  for (let n = 0; n < 5; n++) walk.push(nextLeastCertain(at(walk.at(-1)!, { open }))!)
  assert.deepEqual(walk.slice(1), [7, 5, 6, 4, 7])
})

test('there is nowhere to walk to without another suggestion', () => {
  assert.equal(nextLeastCertain(at(3)), null)
  assert.equal(nextLeastCertain(at(7, { open: new Map([[7, 0.2]]) })), null)
})

test('the next useful slice is the least certain one elsewhere', () => {
  assert.equal(nextUseful(at(0, { open })), 7)
  assert.equal(nextUseful(at(7, { open })), 5)
})

test('without suggestions it is the middle of the widest gap', () => {
  assert.equal(nextUseful(at(0, { annotated: [2, 10, 12] })), 6)
  assert.equal(nextUseful(at(6, { annotated: [2, 10, 12] })), 5, 'not where one is')
  assert.equal(nextUseful(at(0, { annotated: [2, 10, 12], absent: new Set([5, 6, 7]) })), 4, 'not where the label is not')
})

test('nothing is useful where nothing is known, or where nothing is left', () => {
  assert.equal(nextUseful(at(0)), null)
  assert.equal(nextUseful(at(0, { annotated: [5] })), null)
  assert.equal(nextUseful(at(0, { annotated: [5, 6, 7] })), null)
})

test('holes are empty slices in between that nobody proposed on or explained', () => {
  assert.deepEqual(emptyBetween({ annotated: [2, 3, 8], open: new Map([[5, 0.5]]), absent: new Set([6]) }), [4, 7])
  assert.deepEqual(emptyBetween({ annotated: [], open: new Map(), absent: new Set() }), [])
})
