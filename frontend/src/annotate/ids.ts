// Ids made in the browser: UUID version 7, increasing, so that a retry carries the same id and ids sort by time.

/** A maker of ids whose text order is the order of making, also within one millisecond and when the clock steps back. */
export function uuid7Maker(now: () => number, fillRandom: (bytes: Uint8Array) => void): () => string {
  let lastMs = 0
  let counter = 0
  return () => {
    const ms = now()
    if (ms > lastMs) {
      lastMs = ms
      counter = 0
    } else if (++counter > 0xfff) {
      lastMs++
      counter = 0
    }
    const bytes = new Uint8Array(16)
    fillRandom(bytes)
    new DataView(bytes.buffer).setUint32(0, Math.floor(lastMs / 0x10000))
    new DataView(bytes.buffer).setUint16(4, lastMs % 0x10000)
    bytes[6] = 0x70 | (counter >> 8)
    bytes[7] = counter & 0xff
    bytes[8] = 0x80 | (bytes[8] & 0x3f)
    const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
    return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-')
  }
}
