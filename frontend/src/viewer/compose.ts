// The pixels of a slice: values through the look-up table to grey, masks blended on top. Pure, no canvas.
// The result is in the raw order of the slice; turning and scaling it is the camera's. Outlines are drawn as lines, which
// stay one pixel thin at every zoom, so they are not here (contour.ts, renderer.ts).
import { boxIntersection, type Box, type ByteMask } from './mask.ts'
import { greyPixel, type Lut, type SliceImage } from './windowing.ts'

export interface MaskLayer {
  readonly mask: ByteMask
  /** 0xRRGGBB */
  readonly color: number
  /** 0 (not seen) .. 1 */
  readonly opacity: number
}

/** Writes rows * columns pixels as the little-endian words of RGBA bytes, the layout of ImageData. Layers in drawing order.
 *  With a box, only what lies in it. */
export function compose(image: SliceImage, lut: Lut, layers: readonly MaskLayer[], out: Int32Array, within: Box = boxOf(image)): void {
  if (image.channels === 3) composeColor(image, lut, out, within)
  else if (lut.kind === 'table') composeTable(image, lut.pixels, lut.offset, out, within)
  else composeLinear(image, lut.scale, lut.bias, out, within)
  for (const layer of layers) if (layer.opacity > 0) blend(layer, out, within)
}

// In these loops the ends are known before the round begins: read in every round they cost three times as much in today's V8.
function composeTable({ data, columns }: SliceImage, pixels: Int32Array, offset: number, out: Int32Array, { x0, y0, x1, y1 }: Box): void {
  for (let y = y0; y <= y1; y++) {
    for (let n = y * columns + x0, end = y * columns + x1; n <= end; n++) out[n] = pixels[data[n] + offset]
  }
}

function composeLinear({ data, columns }: SliceImage, scale: number, bias: number, out: Int32Array, { x0, y0, x1, y1 }: Box): void {
  for (let y = y0; y <= y1; y++) {
    for (let n = y * columns + x0, end = y * columns + x1; n <= end; n++) out[n] = greyPixel(scale * data[n] + bias)
  }
}

function composeColor({ data, columns }: SliceImage, lut: Lut, out: Int32Array, { x0, y0, x1, y1 }: Box): void {
  if (lut.kind !== 'table') throw new RangeError('a colour slice has 8 bit channels')
  const { pixels } = lut // every one grey: any byte of it is the level
  for (let y = y0; y <= y1; y++) {
    for (let n = y * columns + x0, end = y * columns + x1, at = 3 * n; n <= end; n++, at += 3) {
      out[n] = (pixels[data[at + 2]] & 0xffff0000) | (pixels[data[at + 1]] & 0xff00) | (pixels[data[at]] & 0xff)
    }
  }
}

/** Red and blue are blended together: each has 16 bits of the word to itself. */
function blend({ mask, color, opacity }: MaskLayer, out: Int32Array, within: Box): void {
  const share = Math.round(Math.min(1, opacity) * 256), rest = 256 - share
  const redBlue = Math.imul(((color >> 16) & 255) | ((color & 255) << 16), share), green = (color & 0xff00) * share
  const { bytes, columns } = mask, { x0, y0, x1, y1 } = boxIntersection(mask.box, within)
  for (let y = y0; y <= y1; y++) {
    for (let n = y * columns + x0, end = y * columns + x1; n <= end; n++) {
      if (bytes[n] === 0) continue
      const below = out[n]
      const rb = ((Math.imul(below & 0xff00ff, rest) + redBlue) >>> 8) & 0xff00ff
      const g = ((Math.imul(below & 0xff00, rest) + green) >>> 8) & 0xff00
      out[n] = 0xff000000 | rb | g
    }
  }
}

function boxOf({ rows, columns }: SliceImage): Box {
  return { x0: 0, y0: 0, x1: columns - 1, y1: rows - 1 }
}

/** '#rrggbb' as 0xRRGGBB. */
export function parseColor(hex: string): number {
  const value = /^#[0-9a-f]{6}$/i.test(hex) ? Number.parseInt(hex.slice(1), 16) : NaN
  if (Number.isNaN(value)) throw new RangeError(`not a colour: ${hex}`)
  return value
}
