// The wire format of one slice. Byte table: backend/imaging/wire.py, the other end. The voxels are a view of the answer,
// nothing is copied.
import type { SliceImage, Voxels } from '../viewer/windowing.ts'

const HEADER_BYTES = 16
const MAGIC = 'SMW1'
const TYPES: Readonly<Record<number, { readonly bytes: number; readonly view: (b: ArrayBuffer, n: number) => Voxels }>> = {
  1: { bytes: 1, view: (b, n) => new Uint8Array(b, HEADER_BYTES, n) },
  2: { bytes: 2, view: (b, n) => new Int16Array(b, HEADER_BYTES, n) },
  3: { bytes: 2, view: (b, n) => new Uint16Array(b, HEADER_BYTES, n) },
  4: { bytes: 4, view: (b, n) => new Int32Array(b, HEADER_BYTES, n) },
  5: { bytes: 4, view: (b, n) => new Float32Array(b, HEADER_BYTES, n) },
}

/** Bytes that are not a slice of the wire format. The message says what is wrong with them. */
export class MalformedSlice extends Error {}

/** Throws MalformedSlice. */
export function decodeSlice(buffer: ArrayBuffer): SliceImage {
  if (buffer.byteLength < HEADER_BYTES) throw new MalformedSlice(`a slice has at least ${HEADER_BYTES} bytes, not ${buffer.byteLength}`)
  const head = new DataView(buffer, 0, HEADER_BYTES)
  const magic = String.fromCharCode(head.getUint8(0), head.getUint8(1), head.getUint8(2), head.getUint8(3))
  if (magic !== MAGIC) throw new MalformedSlice(`a slice begins with ${MAGIC}`)
  const type = TYPES[head.getUint8(4)]
  const channels = head.getUint8(5)
  const rows = head.getUint32(8, true), columns = head.getUint32(12, true)
  if (type === undefined) throw new MalformedSlice(`unknown voxel type ${head.getUint8(4)}`)
  if (channels !== 1 && channels !== 3) throw new MalformedSlice(`a slice has 1 or 3 channels, not ${channels}`)
  if (channels === 3 && type.bytes !== 1) throw new MalformedSlice('three channels go with 8 bit values')
  const count = rows * columns * channels
  if (count === 0 || buffer.byteLength !== HEADER_BYTES + count * type.bytes) {
    throw new MalformedSlice(`${rows} x ${columns} x ${channels} voxels do not fit ${buffer.byteLength} bytes`)
  }
  return { rows, columns, channels, data: type.view(buffer, count) }
}
