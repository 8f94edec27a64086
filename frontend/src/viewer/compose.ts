// The pixels of a slice: values through the look-up table to grey, masks blended on top. Pure, no canvas.
// The result is in the raw order of the slice; turning and scaling it is the camera's. Outlines are drawn as lines, which
// stay one pixel thin at every zoom, so they are not here (contour.ts, renderer.ts).
import type { ByteMask } from './mask.ts'
import { greyPixel, type Lut, type SliceImage } from './windowing.ts'

export interface MaskLayer {
  readonly mask: ByteMask
  /** 0xRRGGBB */
  readonly color: number
  /** 0 (not seen) .. 1 */
  readonly opacity: number
}

/** Writes rows * columns pixels as the little-endian words of RGBA bytes, the layout of ImageData. Layers in drawing order. */
export function compose(image: SliceImage, lut: Lut, layers: readonly MaskLayer[], out: Int32Array): void {
  if (image.channels === 3) composeColor(image, lut, out)
  else if (lut.kind === 'table') composeTable(image, lut.pixels, lut.offset, out)
  else composeLinear(image, lut.scale, lut.bias, out)
  for (const layer of layers) if (layer.opacity > 0) blend(layer, out)
}

// In these loops the length is read once: read in every round it costs three times as much in today's V8.
function composeTable({ data }: SliceImage, pixels: Int32Array, offset: number, out: Int32Array): void {
  for (let n = 0, count = data.length; n < count; n++) out[n] = pixels[data[n] + offset]
}

function composeLinear({ data }: SliceImage, scale: number, bias: number, out: Int32Array): void {
  for (let n = 0, count = data.length; n < count; n++) out[n] = greyPixel(scale * data[n] + bias)
}

function composeColor({ data }: SliceImage, lut: Lut, out: Int32Array): void {
  if (lut.kind !== 'table') throw new RangeError('a colour slice has 8 bit channels')
  const { pixels } = lut // every one grey: any byte of it is the level
  for (let n = 0, at = 0, count = out.length; n < count; n++, at += 3) {
    out[n] = (pixels[data[at + 2]] & 0xffff0000) | (pixels[data[at + 1]] & 0xff00) | (pixels[data[at]] & 0xff)
  }
}

function blend({ mask, color, opacity }: MaskLayer, out: Int32Array): void {
  const share = Math.round(Math.min(1, opacity) * 256), rest = 256 - share
  const red = ((color >> 16) & 255) * share, green = ((color >> 8) & 255) * share, blue = (color & 255) * share
  const { bytes, columns, box: { x0, y0, x1, y1 } } = mask
  for (let y = y0; y <= y1; y++) {
    for (let index = y * columns + x0, end = y * columns + x1; index <= end; index++) {
      if (bytes[index] === 0) continue
      const below = out[index]
      const r = ((below & 255) * rest + red) >> 8
      const g = (((below >> 8) & 255) * rest + green) >> 8
      const b = (((below >> 16) & 255) * rest + blue) >> 8
      out[index] = 0xff000000 | (b << 16) | (g << 8) | r
    }
  }
}

/** '#rrggbb' as 0xRRGGBB. */
export function parseColor(hex: string): number {
  const value = /^#[0-9a-f]{6}$/i.test(hex) ? Number.parseInt(hex.slice(1), 16) : NaN
  if (Number.isNaN(value)) throw new RangeError(`not a colour: ${hex}`)
  return value
}
