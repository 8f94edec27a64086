// Screen <-> slice: the only place that makes ScreenPoints. Functions of their arguments; a camera is a value.
// The picture of a slice is drawn in true proportion: `pixelMm` carries the spacing, so anisotropic slices are not squeezed.
import { orientationMatrix, slicePoint, type Orientation, type ScreenPoint, type SlicePoint } from './geometry.ts'

export interface Camera {
  /** The point of the slice that stands in the middle of the viewport. */
  readonly center: SlicePoint
  /** CSS pixels per millimetre. */
  readonly zoom: number
}

export interface Size { readonly width: number; readonly height: number }
export interface SliceShape { readonly rows: number; readonly columns: number }

/** Everything that decides where a voxel of a slice is on the screen. */
export interface View {
  readonly camera: Camera
  readonly viewport: Size
  readonly pixelMm: { readonly row: number; readonly column: number }
  readonly orientation: Orientation
}

/** In the order of Canvas setTransform: x = a*column + c*row + e, y = b*column + d*row + f. */
export type Matrix = readonly [a: number, b: number, c: number, d: number, e: number, f: number]

const MARGIN = 0.96
const MOST_PX_PER_VOXEL = 96
const LEAST_OF_FIT = 0.2

export function screenPoint(x: number, y: number): ScreenPoint {
  return [x, y] as unknown as ScreenPoint
}

export function matrixOf({ camera, viewport, pixelMm, orientation }: View): Matrix {
  const [xc, yc, xr, yr] = orientationMatrix(orientation)
  const column = camera.zoom * pixelMm.column
  const row = camera.zoom * pixelMm.row
  const a = xc * column, b = yc * column, c = xr * row, d = yr * row
  const [cx, cy] = camera.center
  return [a, b, c, d, viewport.width / 2 - a * cx - c * cy, viewport.height / 2 - b * cx - d * cy]
}

export function toScreen(view: View, point: SlicePoint): ScreenPoint {
  const [a, b, c, d, e, f] = matrixOf(view)
  return screenPoint(a * point[0] + c * point[1] + e, b * point[0] + d * point[1] + f)
}

export function toSlice(view: View, point: ScreenPoint): SlicePoint {
  const [a, b, c, d, e, f] = matrixOf(view)
  const det = a * d - b * c
  const x = point[0] - e, y = point[1] - f
  return slicePoint((d * x - c * y) / det, (a * y - b * x) / det)
}

/** The whole slice in the middle of the viewport, with a small margin. */
export function fitted(shape: SliceShape, viewport: Size, pixelMm: View['pixelMm'], orientation: Orientation): Camera {
  const wide = shape.columns * pixelMm.column, high = shape.rows * pixelMm.row
  const [widthMm, heightMm] = orientation.transpose ? [high, wide] : [wide, high]
  const zoom = MARGIN * Math.min(viewport.width / widthMm, viewport.height / heightMm)
  return { center: slicePoint((shape.columns - 1) / 2, (shape.rows - 1) / 2), zoom: zoom > 0 ? zoom : 1 }
}

/** How far one may zoom: out to a fifth of the fitting size, in until a voxel is large. */
export function zoomLimits(fit: Camera, pixelMm: View['pixelMm']): { readonly least: number; readonly most: number } {
  const most = MOST_PX_PER_VOXEL / Math.min(pixelMm.row, pixelMm.column)
  return { least: Math.min(fit.zoom * LEAST_OF_FIT, most), most: Math.max(most, fit.zoom) }
}

export function panned(view: View, dxPx: number, dyPx: number): Camera {
  const middle = screenPoint(view.viewport.width / 2 - dxPx, view.viewport.height / 2 - dyPx)
  return { ...view.camera, center: toSlice(view, middle) }
}

/** Zooms so that the slice point under `about` stays where it is. */
export function zoomedAbout(view: View, about: ScreenPoint, factor: number, limits: { least: number; most: number }): Camera {
  const zoom = Math.min(limits.most, Math.max(limits.least, view.camera.zoom * factor))
  const kept = toSlice(view, about)
  const moved = toSlice({ ...view, camera: { ...view.camera, zoom } }, about)
  const center = slicePoint(view.camera.center[0] + kept[0] - moved[0], view.camera.center[1] + kept[1] - moved[1])
  return { center, zoom }
}
