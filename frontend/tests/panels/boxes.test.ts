// Rectangles to blank: always whole pixels inside the picture.
import assert from 'node:assert/strict'
import { test } from 'node:test'

import { boxAt, boxBetween, firstBox, movedBox, onTheWire, resizedBox } from '../../src/panels/blank/boxes.ts'

const SHAPE = { rows: 40, columns: 60 }

test('a rectangle is drawn in any direction and ends at the border', () => {
  assert.deepEqual(boxBetween([30.4, 20.6], [10, 5.2], SHAPE), { left: 10, top: 5, right: 30, bottom: 21 })
  assert.deepEqual(boxBetween([-8, -3], [99, 99], SHAPE), { left: 0, top: 0, right: 59, bottom: 39 })
  assert.deepEqual(boxBetween([7, 7], [7, 7], SHAPE), { left: 7, top: 7, right: 7, bottom: 7 })
})

test('moving keeps the size and stays inside; resizing keeps a pixel', () => {
  const box = { left: 2, top: 3, right: 11, bottom: 8 }
  assert.deepEqual(movedBox(box, -10, 100, SHAPE), { left: 0, top: 34, right: 9, bottom: 39 })
  assert.deepEqual(movedBox(box, 100, -100, SHAPE), { left: 50, top: 0, right: 59, bottom: 5 })
  assert.deepEqual(resizedBox(box, -50, 4, SHAPE), { left: 2, top: 3, right: 2, bottom: 12 })
  assert.deepEqual(resizedBox(box, 500, 500, SHAPE), { left: 2, top: 3, right: 59, bottom: 39 })
})

test('the first rectangle for the keyboard is inside, also of a tiny picture', () => {
  assert.deepEqual(firstBox(SHAPE), { left: 0, top: 0, right: 29, bottom: 2 })
  assert.deepEqual(firstBox({ rows: 1, columns: 1 }), { left: 0, top: 0, right: 0, bottom: 0 })
})

test('the uppermost rectangle under the pointer is found', () => {
  const boxes = [{ left: 0, top: 0, right: 20, bottom: 20 }, { left: 10, top: 10, right: 30, bottom: 30 }]
  assert.equal(boxAt(boxes, [15, 15]), 1)
  assert.equal(boxAt(boxes, [5, 5]), 0)
  assert.equal(boxAt(boxes, [31, 31]), -1)
  assert.deepEqual(onTheWire(boxes[1]!), [10, 10, 30, 30])
})
