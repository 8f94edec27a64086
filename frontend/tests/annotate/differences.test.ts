import assert from 'node:assert/strict'
import { test } from 'node:test'

import { Differences } from '../../src/annotate/differences.ts'
import { LabelMasks } from '../../src/viewer/label_masks.ts'
import { area, sameMask } from '../../src/viewer/mask.ts'
import type { Triple } from '../../src/viewer/geometry.ts'
import { LIVER, rectangle } from '../viewer/support.ts'

const SHAPE: Triple = [5, 24, 32]
const box = (x1: number) => rectangle(24, 32, 8, 8, x1, 12)

function masks(slices: Readonly<Record<number, ReturnType<typeof box>>>): LabelMasks {
  const made = new LabelMasks(SHAPE)
  for (const [slice, mask] of Object.entries(slices)) made.set(LIVER, Number(slice), mask)
  return made
}

test('slices come in the order of how much differs, those that are the same do not', () => {
  const found = new Differences(SHAPE, masks({ 0: box(12), 1: box(12), 3: box(14) }), masks({ 0: box(12), 1: box(13), 4: box(12) })).of(LIVER)
  assert.deepEqual(found.map(({ slice }) => slice), [3, 4, 1])
  assert.deepEqual(found.map(({ voxels }) => voxels), [area(box(14)), area(box(12)), area(box(13)) - area(box(12))])
})

test('what only one of them drew is laid over the picture, each in a colour of its own', () => {
  const [first, second] = new Differences(SHAPE, masks({ 1: box(14), 2: box(10) }), masks({ 1: box(12), 3: box(11) })).laidOver(LIVER)
  assert.notEqual(first.color, second.color)
  assert.equal(area(first.masks.get(LIVER, 1)), area(box(14)) - area(box(12)))
  assert.equal(area(second.masks.get(LIVER, 1)), 0)
  assert.ok(sameMask(first.masks.get(LIVER, 2), box(10)))
  assert.ok(sameMask(second.masks.get(LIVER, 3), box(11)))
})
