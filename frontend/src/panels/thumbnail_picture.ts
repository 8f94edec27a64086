// The pixels and the display size of a case's thumbnail: the middle slice, in the volume's first window, turned as
// radiologists expect and with the right aspect. Loading is here, drawing is in thumbnail.tsx.

import type { Client, Result } from '../api/client.ts'
import { decodeSlice } from '../api/binary.ts'
import type { VolumeOut } from '../api/types.ts'
import { compose } from '../viewer/compose.ts'
import { displayOrientation, type AxisLetters, type Orientation } from '../viewer/geometry.ts'
import { autoWindow, createLut, fillLut } from '../viewer/windowing.ts'

export interface ThumbnailPicture {
  readonly rows: number
  readonly columns: number
  /** RGBA words, row by row, as stored. */
  readonly pixels: Int32Array<ArrayBuffer>
  readonly orientation: Orientation
  /** Millimetres per stored row divided by millimetres per stored column. */
  readonly rowToColumnMm: number
}

export async function loadThumbnail(api: Client, volumeId: string, signal: AbortSignal): Promise<Result<ThumbnailPicture>> {
  const volume = await api.get<VolumeOut>(`/api/volumes/${volumeId}`, { signal })
  if (volume.error) return volume
  const { shape_kji, spacing_kji_mm, axis_letters, windows, pixels: v } = volume.data
  const middle = Math.floor(shape_kji[0] / 2)
  const bytes = await api.bytes(`/api/volumes/${volumeId}/slices/0/${middle}`, { query: { v }, signal })
  if (bytes.error) return bytes
  const image = decodeSlice(bytes.data)
  const lut = createLut(image.data)
  fillLut(lut, windows[0] ?? autoWindow(image), false)
  const pixels = new Int32Array(image.rows * image.columns)
  compose(image, lut, [], pixels)
  return {
    data: {
      rows: image.rows,
      columns: image.columns,
      pixels,
      orientation: displayOrientation(axis_letters as AxisLetters, 0),
      rowToColumnMm: spacing_kji_mm[1] / spacing_kji_mm[2],
    },
  }
}

/** The affine [a, b, c, d, e, f] of a 2-D canvas that lays the stored picture into a square of `size` pixels: fitted,
    centred and turned. */
export function placeInSquare(
  { rows, columns, orientation, rowToColumnMm }: Omit<ThumbnailPicture, 'pixels'>, size: number,
): readonly [number, number, number, number, number, number] {
  const width = columns
  const height = rows * rowToColumnMm
  const scale = size / Math.max(width, height)
  const { transpose, flipX, flipY } = orientation
  const signX = flipX ? -1 : 1
  const signY = flipY ? -1 : 1
  const perColumn = scale
  const perRow = scale * rowToColumnMm
  const [a, b, c, d] = transpose
    ? [0, signY * perColumn, signX * perRow, 0]
    : [signX * perColumn, 0, 0, signY * perRow]
  const centre = size / 2
  return [a, b, c, d, centre - (a * columns + c * rows) / 2, centre - (b * columns + d * rows) / 2]
}
