import assert from 'node:assert/strict'
import { test } from 'node:test'

import { compose, parseColor } from '../../src/viewer/compose.ts'
import { autoWindow, createLut, fillLut, FULL_BYTE_WINDOW, histogramOf, type SliceImage, type Voxels } from '../../src/viewer/windowing.ts'
import { bytesOf } from './support.ts'

function greys(data: Voxels, width: number, center: number, inverted = false): number[] {
  const image: SliceImage = { rows: 1, columns: data.length, channels: 1, data }
  const lut = createLut(data)
  fillLut(lut, { width, center }, inverted)
  const out = new Int32Array(data.length)
  compose(image, lut, [], out)
  return [...new Uint8Array(out.buffer)].filter((_, n) => n % 4 === 0)
}

test('a window maps its lower end to black, its upper end to white, and what is outside to the ends', () => {
  const values = [-1000, -160, -60, 40, 140, 240, 3000]
  const expected = [0, 0, 64, 128, 191, 255, 255]
  for (const type of [Int16Array, Int32Array, Float32Array]) assert.deepEqual(greys(type.from(values), 400, 40), expected, type.name)
  assert.deepEqual(greys(Uint16Array.from([0, 1000, 2000, 65535]), 2000, 1000), [0, 128, 255, 255])
  assert.deepEqual(greys(Uint8Array.from([0, 7, 255]), FULL_BYTE_WINDOW.width, FULL_BYTE_WINDOW.center), [0, 7, 255])
})

test('inverting swaps black and white', () => {
  assert.deepEqual(greys(Int16Array.from([-160, 40, 240]), 400, 40, true), [255, 128, 0])
  assert.deepEqual(greys(Float32Array.from([-160, 240]), 400, 40, true), [255, 0])
})

test('values that are no numbers are black', () => {
  assert.deepEqual(greys(Float32Array.from([NaN, -Infinity, Infinity]), 400, 40), [0, 0, 255])
})

test('every pixel is opaque and in the byte order of ImageData', () => {
  const data = Uint8Array.from([10, 20, 30, 40, 50, 60])
  const lut = createLut(data)
  fillLut(lut, FULL_BYTE_WINDOW, false)
  const out = new Int32Array(2)
  compose({ rows: 1, columns: 2, channels: 3, data }, lut, [], out)
  assert.deepEqual([...new Uint8Array(out.buffer)], [10, 20, 30, 255, 40, 50, 60, 255])
})

test('layers are blended in order, only inside their masks', () => {
  const data = Uint8Array.from([100, 100, 100, 100])
  const lut = createLut(data)
  fillLut(lut, FULL_BYTE_WINDOW, false)
  const out = new Int32Array(4)
  compose({ rows: 1, columns: 4, channels: 1, data }, lut, [
    { mask: bytesOf(['0110']), color: parseColor('#ff0000'), opacity: 0.5 },
    { mask: bytesOf(['0011']), color: parseColor('#0000ff'), opacity: 0.25 },
    { mask: bytesOf(['1111']), color: parseColor('#ffffff'), opacity: 0 },
  ], out)
  const pixels = Array.from({ length: 4 }, (_, n) => [...new Uint8Array(out.buffer, n * 4, 3)])
  assert.deepEqual(pixels, [[100, 100, 100], [177, 50, 50], [132, 37, 101], [75, 75, 138]])
})

test('within a box the same pixels as in the whole, and no others', () => {
  const rows = 6, columns = 7, layers = [
    { mask: bytesOf(['0110000', '1111110', '0011111', '0000000', '1111111', '0101010']), color: parseColor('#dd8265'), opacity: 0.4 },
    { mask: bytesOf(['0000000', '0000111', '0000111', '1111000', '0000001', '1111111']), color: parseColor('#12ab9f'), opacity: 0.7 },
  ]
  const values = Array.from({ length: rows * columns }, (_, n) => n * 5)
  const grey = (type: typeof Int16Array | typeof Float32Array): SliceImage => ({ rows, columns, channels: 1, data: type.from(values) })
  const colour: SliceImage = { rows, columns, channels: 3, data: Uint8Array.from({ length: 3 * rows * columns }, (_, n) => n * 2) }
  for (const image of [grey(Int16Array), grey(Float32Array), colour]) {
    const lut = createLut(image.data), box = { x0: 2, y0: 1, x1: 4, y1: 4 }
    fillLut(lut, { width: 200, center: 90 }, false)
    const whole = new Int32Array(rows * columns), part = new Int32Array(rows * columns)
    compose(image, lut, layers, whole)
    compose(image, lut, layers, part, box)
    const inside = (n: number) => n % columns >= box.x0 && n % columns <= box.x1 && Math.floor(n / columns) >= box.y0 && Math.floor(n / columns) <= box.y1
    assert.deepEqual(part, whole.map((word, n) => (inside(n) ? word : 0)))
  }
})

test('full opacity shows the colour itself', () => {
  const data = Uint8Array.from([13])
  const lut = createLut(data)
  fillLut(lut, FULL_BYTE_WINDOW, false)
  const out = new Int32Array(1)
  compose({ rows: 1, columns: 1, channels: 1, data }, lut, [{ mask: bytesOf(['1']), color: parseColor('#12ab9f'), opacity: 1 }], out)
  assert.deepEqual([...new Uint8Array(out.buffer)], [0x12, 0xab, 0x9f, 255])
})

test('the automatic window leaves out the background and the extremes', () => {
  const data = new Int16Array(10_000).fill(0)
  for (let n = 0; n < 5000; n++) data[n] = 100 + (n % 200)
  data[0] = 30_000 // one bright artefact
  const { width, center } = autoWindow({ rows: 100, columns: 100, channels: 1, data })
  assert.ok(Math.abs(center - 200) < 15 && Math.abs(width - 196) < 20, `${width} at ${center}`)
  assert.deepEqual(autoWindow({ rows: 1, columns: 2, channels: 1, data: Int16Array.of(7, 7) }), { width: 1, center: 7 })
})

test('colours are #rrggbb and nothing else', () => {
  assert.equal(parseColor('#0a141e'), 0x0a141e)
  for (const wrong of ['0a141e', '#fff', 'red', '#12345g']) assert.throws(() => parseColor(wrong), RangeError)
})

test('a histogram counts every value but the lowest, which is background', () => {
  const image: SliceImage = { rows: 2, columns: 4, channels: 1, data: Int16Array.from([-1000, -1000, 0, 10, 10, 499, 999, 1000]) }
  assert.deepEqual(histogramOf(image, 4), { low: -1000, high: 1000, counts: [0, 0, 4, 2] })
  assert.equal(histogramOf({ ...image, data: new Int16Array(8) }, 4), null)
  assert.equal(histogramOf({ rows: 1, columns: 2, channels: 3, data: Uint8Array.from([0, 1, 2, 3, 4, 5]) }, 4), null)
})
