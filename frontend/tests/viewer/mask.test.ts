import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'

import { traceRings } from '../../src/viewer/contour.ts'
import {
  area, ByteMask, contains, difference, emptyMask, fromCoco, intersection, isEmpty, objectAt, sameMask, toCoco, union, xor,
} from '../../src/viewer/mask.ts'
import { LabelMasks } from '../../src/viewer/label_masks.ts'
import { bytesOf, maskOf, rectangle, rowsOf } from './support.ts'

interface Vector { name: string; size: [number, number]; counts: string; area: number; rows: string[] }

const VECTORS = JSON.parse(readFileSync(new URL('../vectors.json', import.meta.url), 'utf8')) as Vector[]

for (const { name, size, counts, area: voxels, rows } of VECTORS) {
  test(`run lengths are those of pycocotools: ${name}`, () => {
    const mask = maskOf(rows)
    assert.deepEqual(toCoco(mask), { size, counts })
    const read = fromCoco({ size, counts })
    assert.ok(sameMask(read, mask))
    assert.deepEqual(rowsOf(read), rows)
    assert.equal(area(read), voxels)
    rows.forEach((row, y) => [...row].forEach((bit, x) => assert.equal(contains(read, x, y), bit === '1')))
  })
}

test('text that is no mask of its size is refused', () => {
  for (const counts of ['', '9', ':3', '\u00e9', 'o']) {
    assert.throws(() => fromCoco({ size: [3, 4], counts }), RangeError, counts)
  }
})

test('runs of length zero are read as pycocotools reads them', () => {
  // runs 0 2 0 3 7 of a 3 x 4 slice: the zero joins two runs
  assert.ok(sameMask(fromCoco({ size: [3, 4], counts: '02017' }), maskOf(['1100', '1100', '1000'])))
})

test('set operations on runs are those on voxels', () => {
  const a = maskOf(['11000', '11010', '00011']), b = maskOf(['01100', '00010', '10001'])
  assert.deepEqual(rowsOf(xor(a, b)), ['10100', '11000', '10010'])
  assert.deepEqual(rowsOf(union(a, b)), ['11100', '11010', '10011'])
  assert.deepEqual(rowsOf(intersection(a, b)), ['01000', '00010', '00001'])
  assert.deepEqual(rowsOf(difference(a, b)), ['10000', '11000', '00010'])
  assert.ok(sameMask(xor(xor(a, b), b), a), 'flips applied twice give the mask back')
  assert.ok(isEmpty(xor(a, a)))
  assert.throws(() => union(a, emptyMask(5, 3)), RangeError)
})

test('bytes are reused: loading another mask leaves nothing of the first', () => {
  const bytes = new ByteMask(4, 6).load(rectangle(4, 6, 0, 0, 3, 3))
  bytes.load(rectangle(4, 6, 4, 1, 5, 2))
  assert.deepEqual(rowsOf(bytes.toMask()), ['000000', '000011', '000011', '000000'])
  assert.deepEqual(bytes.box, { x0: 4, y0: 1, x1: 5, y1: 2 })
})

test('the object under a point is found, others and diagonal neighbours are not part of it', () => {
  const mask = maskOf(['11001', '11010', '00000'])
  assert.deepEqual(rowsOf(objectAt(mask, 1, 1)!), ['11000', '11000', '00000'])
  assert.deepEqual(rowsOf(objectAt(mask, 3, 1)!), ['00000', '00010', '00000'])
  assert.equal(objectAt(mask, 2, 0), null)
})

test('outlines close, run along voxel edges, enclose the area, and holes run the other way', () => {
  const rows = ['01110', '01010', '01110', '00001']
  const mask = bytesOf(rows)
  const rings = traceRings(mask.bytes, mask.columns, mask.rows, mask.box)
  const areas = rings.map((ring) => {
    let twice = 0
    for (let n = 0; n < ring.length; n += 2) {
      const m = (n + 2) % ring.length
      const step = Math.abs(ring[n] - ring[m]) > 0 ? Math.abs(ring[n + 1] - ring[m + 1]) : 0
      assert.equal(step, 0, 'edges are horizontal or vertical')
      twice += ring[n] * ring[m + 1] - ring[m] * ring[n + 1]
    }
    return twice / 2
  })
  assert.deepEqual(areas.toSorted((a, b) => a - b), [-1, 1, 9]) // the hole, the voxel that only touches, the outside of the ring
  assert.equal(rings[0].length, 8, 'straight runs are one edge')
})

test('labels are cut along the other axes out of the runs', () => {
  const masks = new LabelMasks([3, 4, 5])
  masks.set('a', 0, maskOf(['00000', '01100', '01100', '00000']))
  masks.set('a', 2, maskOf(['00000', '00000', '01111', '11111']))
  const coronal = new ByteMask(3, 5), sagittal = new ByteMask(3, 4)
  masks.loadInto(coronal, 'a', 1, 2)
  assert.deepEqual(rowsOf(coronal.toMask()), ['01100', '00000', '01111'])
  masks.loadInto(sagittal, 'a', 2, 1)
  assert.deepEqual(rowsOf(sagittal.toMask()), ['0110', '0000', '0011'])
  masks.loadInto(sagittal, 'a', 2, 0)
  assert.deepEqual(rowsOf(sagittal.toMask()), ['0000', '0000', '0001'])
  assert.equal(masks.voxels('a'), 13)
  masks.set('a', 2, emptyMask(4, 5))
  assert.deepEqual(masks.slices('a'), [0])
  assert.equal(masks.voxels('a'), 4)
})

/** As many columns as voxels in a word, and one more: both ways of reading must find the same rings. */
test('rings do not depend on how wide the slice is', () => {
  let state = 7
  const random = () => (state = Math.imul(state, 1103515245) + 12345 >>> 0) / 2 ** 32
  for (const share of [0.1, 0.5, 0.9]) {
    const rows = Array.from({ length: 21 }, () => Array.from({ length: 32 }, () => (random() < share ? '1' : '0')).join(''))
    const narrow = bytesOf(rows), wide = bytesOf(rows.map((row) => `${row}0`))
    wide.box = narrow.box
    const found = traceRings(narrow.bytes, 32, 21, narrow.box)
    assert.ok(found.length > 0)
    assert.deepEqual(found, traceRings(wide.bytes, 33, 21, wide.box))
    assert.deepEqual(traceRings(narrow.bytes, 32, 21, { x0: 3, y0: 2, x1: 29, y1: 19 }).length, traceRings(wide.bytes, 33, 21, { x0: 3, y0: 2, x1: 29, y1: 19 }).length)
  }
})
