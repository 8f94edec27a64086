// The pixels of a slice: values through the look-up table to grey, masks blended on top. Pure, no canvas.
// The result is in the raw order of the slice; turning and scaling it is the camera's. Outlines are drawn as lines, which
// stay one pixel thin at every zoom, so they are not here (contour.ts, renderer.ts).
import type { ByteMask } from './mask.ts'
import type { Lut, SliceImage } from './windowing.ts'

export interface MaskLayer {
  readonly mask: ByteMask
  /** 0xRRGGBB */
  readonly color: number
  /** 0 (not seen) .. 1 */
  readonly opacity: number
}

/** Writes rows * columns pixels as the little-endian words of RGBA bytes, the layout of ImageData. Layers in drawing order. */
export function compose(image: SliceImage, lut: Lut, layers: readonly MaskLayer[], out: Uint32Array): void {
  if (image.channels === 3) composeColor(image, lut, out)
  else if (lut.kind === 'table') composeTable(image, lut.grey, lut.offset, out)
  else composeLinear(image, lut.scale, lut.bias, out)
  for (const layer of layers) if (layer.opacity > 0) blend(layer, out)
}

function composeTable({ data }: SliceImage, grey: Uint8Array, offset: number, out: Uint32Array): void {
  for (let n = 0; n < data.length; n++) out[n] = 0xff000000 | (grey[data[n] + offset] * 0x010101)
}

function composeLinear({ data }: SliceImage, scale: number, bias: number, out: Uint32Array): void {
  for (let n = 0; n < data.length; n++) {
    const value = scale * data[n] + bias
    const level = value >= 255 ? 255 : value > 0 ? Math.floor(value + 0.5) : 0 // not a number is black
    out[n] = 0xff000000 | (level * 0x010101)
  }
}

function composeColor({ data }: SliceImage, lut: Lut, out: Uint32Array): void {
  if (lut.kind !== 'table') throw new RangeError('a colour slice has 8 bit channels')
  const { grey } = lut
  for (let n = 0, at = 0; n < out.length; n++, at += 3) {
    out[n] = 0xff000000 | (grey[data[at + 2]] << 16) | (grey[data[at + 1]] << 8) | grey[data[at]]
  }
}

function blend({ mask, color, opacity }: MaskLayer, out: Uint32Array): void {
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
