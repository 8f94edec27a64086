// From voxel values to grey: windows, look-up tables, and windows found from the values. No drawing; which windows a volume
// offers is the server's knowledge.

export interface WindowLevel { readonly width: number; readonly center: number }

export type Voxels = Uint8Array | Int16Array | Uint16Array | Int32Array | Float32Array

/** One slice as it came: C order [rows, columns] or [rows, columns, 3] (uint8). */
export interface SliceImage {
  readonly rows: number
  readonly columns: number
  readonly channels: 1 | 3
  readonly data: Voxels
}

/** A window made ready for one pass over the voxels: a table of grey, opaque pixels for 8 and 16 bit values (words of RGBA
 *  bytes, little-endian), arithmetic for the wide ones. */
export type Lut =
  | { readonly kind: 'table'; readonly pixels: Int32Array; readonly offset: number }
  | { readonly kind: 'linear'; scale: number; bias: number }

/** The table for a type of voxels; `fillLut` writes the window into it, so dragging a window allocates nothing. */
export function createLut(data: Voxels): Lut {
  if (data instanceof Uint8Array) return { kind: 'table', pixels: new Int32Array(256), offset: 0 }
  if (data instanceof Int16Array) return { kind: 'table', pixels: new Int32Array(65536), offset: 32768 }
  if (data instanceof Uint16Array) return { kind: 'table', pixels: new Int32Array(65536), offset: 0 }
  return { kind: 'linear', scale: 1, bias: 0 }
}

/** Linear between center - width/2 (black) and center + width/2 (white); `inverted` swaps black and white. */
export function fillLut(lut: Lut, { width, center }: WindowLevel, inverted: boolean): void {
  const span = Math.max(width, 1e-6)
  const scale = (inverted ? -255 : 255) / span
  const bias = (inverted ? 255 : 0) - scale * (center - span / 2)
  if (lut.kind === 'linear') {
    lut.scale = scale
    lut.bias = bias
    return
  }
  const { pixels, offset } = lut
  for (let index = 0; index < pixels.length; index++) pixels[index] = greyPixel(scale * (index - offset) + bias)
}

const BINS = 4096

/** A level as an opaque pixel; beyond the ends it is black or white, and what is not a number is black. */
export function greyPixel(level: number): number {
  const grey = level >= 255 ? 255 : level > 0 ? Math.floor(level + 0.5) : 0
  return 0xff000000 | (grey * 0x010101)
}

/** 8 bit channels as they are. */
export const FULL_BYTE_WINDOW: WindowLevel = { width: 255, center: 127.5 }

/** The window between two percentiles of the values of a slice. The lowest value is background (air, padding) and does not count. */
export function autoWindow(image: SliceImage, lowShare = 0.01, highShare = 0.99): WindowLevel {
  const { data } = image
  let least = Infinity, most = -Infinity
  for (let n = 0; n < data.length; n++) {
    const value = data[n]
    if (value < least) least = value
    if (value > most) most = value
  }
  if (!(most > least)) return { width: 1, center: Number.isFinite(least) ? least : 0 }
  const counts = new Uint32Array(BINS)
  const perValue = (BINS - 1) / (most - least)
  let counted = 0
  for (let n = 0; n < data.length; n++) {
    if (data[n] > least) {
      counts[Math.floor((data[n] - least) * perValue)]++
      counted++
    }
  }
  const valueAt = (share: number) => {
    let seen = 0
    for (let bin = 0; bin < BINS; bin++) {
      seen += counts[bin]
      if (seen >= share * counted) return least + bin / perValue
    }
    return most
  }
  const low = valueAt(lowShare), high = valueAt(highShare)
  return { width: Math.max(high - low, (most - least) / BINS), center: (low + high) / 2 }
}

/** Enough for a small hill. */
export const HISTOGRAM_PARTS = 128

/** How many values fall into each of equal parts of their range. */
export interface Histogram { readonly low: number; readonly high: number; readonly counts: readonly number[] }

/** Of a slice with one channel. The lowest value is background (air, padding): it is in the range and not counted. Null
 *  for colours and for a slice of one value. */
export function histogramOf({ data, channels }: SliceImage, parts: number): Histogram | null {
  let low = Infinity, high = -Infinity
  for (let n = 0, count = data.length; n < count; n++) {
    const value = data[n]
    if (value < low) low = value
    if (value > high) high = value
  }
  if (channels !== 1 || !(high > low)) return null
  const counts = new Array<number>(parts).fill(0), perValue = parts / (high - low)
  for (let n = 0, count = data.length; n < count; n++) {
    if (data[n] > low) counts[Math.min(parts - 1, Math.floor((data[n] - low) * perValue))]++
  }
  return { low, high, counts }
}
