import assert from 'node:assert/strict'
import { test } from 'node:test'

import { decodeSlice, MalformedSlice } from '../../src/api/binary.ts'

/** As backend/imaging/wire.py packs it: '<4sBBHII'. */
function pack(type: number, channels: number, rows: number, columns: number, payload: ArrayBufferView, magic = 'SMW1'): ArrayBuffer {
  const buffer = new ArrayBuffer(16 + payload.byteLength)
  const view = new DataView(buffer)
  ;[...magic].forEach((letter, n) => view.setUint8(n, letter.charCodeAt(0)))
  view.setUint8(4, type)
  view.setUint8(5, channels)
  view.setUint32(8, rows, true)
  view.setUint32(12, columns, true)
  new Uint8Array(buffer, 16).set(new Uint8Array(payload.buffer, payload.byteOffset, payload.byteLength))
  return buffer
}

const six = [-3, 0, 7, 300, 65535, 70000]

test('every type of voxel is read without a copy', () => {
  const types = [[1, Uint8Array], [2, Int16Array], [3, Uint16Array], [4, Int32Array], [5, Float32Array]] as const
  for (const [code, type] of types) {
    const buffer = pack(code, 1, 2, 3, type.from(six))
    const { rows, columns, channels, data } = decodeSlice(buffer)
    assert.deepEqual([rows, columns, channels], [2, 3, 1])
    assert.deepEqual(data, type.from(six))
    assert.equal(data.buffer, buffer)
  }
})

test('colour slices have three interleaved channels', () => {
  const { channels, data } = decodeSlice(pack(1, 3, 1, 2, Uint8Array.of(1, 2, 3, 4, 5, 6)))
  assert.equal(channels, 3)
  assert.deepEqual([...data], [1, 2, 3, 4, 5, 6])
})

test('what is no slice is refused with a reason', () => {
  const voxels = Uint8Array.of(1, 2, 3, 4, 5, 6)
  const faults: [ArrayBuffer, RegExp][] = [
    [new ArrayBuffer(3), /16 bytes/], [pack(1, 1, 2, 3, voxels, 'SMW2'), /SMW1/], [pack(9, 1, 2, 3, voxels), /type 9/],
    [pack(1, 2, 1, 3, voxels), /channels/], [pack(2, 3, 1, 1, voxels), /8 bit/], [pack(1, 1, 2, 4, voxels), /do not fit/],
    [pack(1, 1, 0, 3, new Uint8Array(0)), /do not fit/],
  ]
  for (const [buffer, reason] of faults) assert.throws(() => decodeSlice(buffer), (error) => error instanceof MalformedSlice && reason.test(error.message))
})
