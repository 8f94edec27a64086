import assert from 'node:assert/strict'
import { test } from 'node:test'

import { slicePoint } from '../../src/viewer/geometry.ts'
import { polygonMask } from '../../src/viewer/polygon.ts'
import { rowsOf } from './support.ts'

const at = (...pairs: [number, number][]) => pairs.map(([x, y]) => slicePoint(x, y))

test('voxels belong to an outline when it encloses their centres', () => {
  assert.deepEqual(rowsOf(polygonMask(5, 6, at([0.5, 0.5], [4.5, 0.5], [4.5, 3.5], [0.5, 3.5]))),
    ['000000', '011110', '011110', '011110', '000000'])
  assert.deepEqual(rowsOf(polygonMask(5, 5, at([2, -0.5], [4.5, 4.4], [-0.5, 4.4]))), ['00100', '00100', '01110', '01110', '11111'])
})

test('the direction does not matter, crossings are even-odd, and what lies outside is cut off', () => {
  const clockwise = at([-3, -3], [2.5, -3], [2.5, 2.5], [-3, 2.5])
  assert.deepEqual(rowsOf(polygonMask(4, 4, clockwise)), ['1110', '1110', '1110', '0000'])
  assert.deepEqual(rowsOf(polygonMask(4, 4, clockwise.toReversed())), ['1110', '1110', '1110', '0000'])
  const bow = at([-0.5, -0.5], [6.5, 6.5], [6.5, -0.5], [-0.5, 6.5])
  const [top, , , middle] = rowsOf(polygonMask(7, 7, bow))
  assert.deepEqual([top[3], middle[1], middle[5]], ['0', '1', '1'])
  assert.deepEqual(rowsOf(polygonMask(2, 2, at([9, 9], [12, 9], [9, 12]))), ['00', '00'])
})

test('corners on voxel centres are counted once', () => {
  const diamond = rowsOf(polygonMask(7, 7, at([3, 0], [6, 3], [3, 6], [0, 3])))
  assert.equal(diamond[3], '1111111')
  assert.ok(diamond.every((row, y) => [...row].filter((bit) => bit === '1').length <= 7 - 2 * Math.abs(y - 3)))
})
