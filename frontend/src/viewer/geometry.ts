// Coordinates: the four spaces as branded types, and every conversion between slice, voxel and patient.
// Screen coordinates are made in camera.ts only. Integers are voxel centres in every space (DICOM's convention).
//
// A volume is indexed (k, j, i) = (slice, row, column). Along axis a the raw slice is a 2-D array:
//   axis 0 (fixed k): rows = j, columns = i      the acquisition plane, the one that is annotated
//   axis 1 (fixed j): rows = k, columns = i
//   axis 2 (fixed i): rows = k, columns = j
// Nothing here flips pixels: how a raw slice is turned for display is an Orientation, which the camera applies.

declare const space: unique symbol

/** CSS pixels from the top left corner of the canvas. */
export type ScreenPoint = readonly [x: number, y: number] & { readonly [space]: 'screen' }
/** (column, row) of a raw slice, fractional. */
export type SlicePoint = readonly [column: number, row: number] & { readonly [space]: 'slice' }
/** (slice, row, column) of the volume, whole numbers. */
export type VoxelIndex = readonly [k: number, j: number, i: number] & { readonly [space]: 'voxel' }
/** (x, y, z) in millimetres, LPS. */
export type PatientPoint = readonly [x: number, y: number, z: number] & { readonly [space]: 'patient' }

export type Axis = 0 | 1 | 2
export type AxisLetter = 'L' | 'R' | 'A' | 'P' | 'S' | 'I'
export type AxisLetters = readonly [k: AxisLetter, j: AxisLetter, i: AxisLetter]
export type Triple = readonly [k: number, j: number, i: number]
/** Row-major 4 x 4: (k, j, i, 1) to (x, y, z, 1) in mm, LPS. */
export type Affine = readonly (readonly number[])[]
export type Plane = 'axial' | 'coronal' | 'sagittal'

const OPPOSITE: Readonly<Record<AxisLetter, AxisLetter>> = { L: 'R', R: 'L', A: 'P', P: 'A', S: 'I', I: 'S' }
const PLANE_BY_NORMAL: Readonly<Record<AxisLetter, Plane>> = {
  S: 'axial', I: 'axial', A: 'coronal', P: 'coronal', L: 'sagittal', R: 'sagittal',
}

export interface VolumeGrid {
  readonly shapeKji: Triple
  readonly spacingKjiMm: Triple
  readonly axisLetters: AxisLetters
  readonly affineLps: Affine
}

/** The two volume axes that the rows and the columns of a raw slice run along. */
export function sliceAxes(axis: Axis): { readonly row: Axis; readonly column: Axis } {
  return axis === 0 ? { row: 1, column: 2 } : axis === 1 ? { row: 0, column: 2 } : { row: 0, column: 1 }
}

export function sliceShape(grid: VolumeGrid, axis: Axis): { readonly rows: number; readonly columns: number } {
  const { row, column } = sliceAxes(axis)
  return { rows: grid.shapeKji[row], columns: grid.shapeKji[column] }
}

/** Size of one voxel in the plane, in millimetres. */
export function slicePixelMm(grid: VolumeGrid, axis: Axis): { readonly row: number; readonly column: number } {
  const { row, column } = sliceAxes(axis)
  return { row: grid.spacingKjiMm[row], column: grid.spacingKjiMm[column] }
}

export function planeOf(grid: VolumeGrid, axis: Axis): Plane {
  return PLANE_BY_NORMAL[grid.axisLetters[axis]]
}

export function slicePoint(column: number, row: number): SlicePoint {
  return [column, row] as unknown as SlicePoint
}

export function voxelIndex(k: number, j: number, i: number): VoxelIndex {
  return [k, j, i] as unknown as VoxelIndex
}

/** The voxel under a point of a slice, or null outside of the volume. */
export function voxelAt(grid: VolumeGrid, axis: Axis, index: number, point: SlicePoint): VoxelIndex | null {
  const { row, column } = sliceAxes(axis)
  const kji = [0, 0, 0]
  kji[axis] = index
  kji[row] = Math.round(point[1])
  kji[column] = Math.round(point[0])
  const inside = kji.every((value, a) => value >= 0 && value < grid.shapeKji[a])
  return inside ? voxelIndex(kji[0], kji[1], kji[2]) : null
}

/** Where a voxel lies in the slices along an axis. */
export function sliceOf(voxel: Triple, axis: Axis): { readonly index: number; readonly point: SlicePoint } {
  const { row, column } = sliceAxes(axis)
  return { index: voxel[axis], point: slicePoint(voxel[column], voxel[row]) }
}

export function clampVoxel(grid: Pick<VolumeGrid, 'shapeKji'>, kji: Triple): VoxelIndex {
  const [k, j, i] = kji.map((value, a) => Math.min(grid.shapeKji[a] - 1, Math.max(0, Math.round(value))))
  return voxelIndex(k, j, i)
}

export function patientPoint(grid: VolumeGrid, voxel: Triple): PatientPoint {
  const position = [0, 1, 2].map((row) => {
    const a = grid.affineLps[row]
    return a[0] * voxel[0] + a[1] * voxel[1] + a[2] * voxel[2] + a[3]
  })
  return position as unknown as PatientPoint
}

/** Fractional (k, j, i) of one grid to that of another, through the patient: the same place in millimetres. */
export function gridMap(from: VolumeGrid, to: VolumeGrid): (kji: Triple) => Triple {
  const [a, b, c] = to.affineLps
  const cross = (u: readonly number[], v: readonly number[]) => [u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0]]
  const [k, j, i] = [0, 1, 2].map((axis) => [a[axis], b[axis], c[axis]]) // one step along each axis, in mm
  const determinant = k[0] * cross(j, i)[0] + k[1] * cross(j, i)[1] + k[2] * cross(j, i)[2]
  const rows = [cross(j, i), cross(i, k), cross(k, j)].map((row) => row.map((value) => value / determinant))
  const origin = [a[3], b[3], c[3]]
  return (kji) => {
    const at = patientPoint(from, kji)
    return rows.map((row) => row[0] * (at[0] - origin[0]) + row[1] * (at[1] - origin[1]) + row[2] * (at[2] - origin[2])) as unknown as Triple
  }
}

/** What sums of floats may be off by. */
const NOTHING_MM = 1e-6

/** How far a place lies before the first or behind the last slice along an axis, in mm; 0 within. A slice reaches half a
 *  step to both sides. */
export function beyondMm(grid: VolumeGrid, axis: Axis, kji: Triple): number {
  const mm = Math.max(0, -0.5 - kji[axis], kji[axis] - (grid.shapeKji[axis] - 0.5)) * grid.spacingKjiMm[axis]
  return mm > NOTHING_MM ? mm : 0
}

/** Angle between the slices along an axis of one grid and those along an axis of another, 0..90 degrees. */
export function tiltDegrees(a: VolumeGrid, axisA: Axis, b: VolumeGrid, axisB: Axis): number {
  const [u, v] = [normalOf(a, axisA), normalOf(b, axisB)]
  const cosine = Math.abs(u[0] * v[0] + u[1] * v[1] + u[2] * v[2]) / (Math.hypot(...u) * Math.hypot(...v))
  return (Math.acos(Math.min(1, cosine)) * 180) / Math.PI
}

function normalOf({ affineLps }: VolumeGrid, axis: Axis): readonly number[] {
  const { row, column } = sliceAxes(axis)
  const [u, v] = [row, column].map((along) => affineLps.slice(0, 3).map((line) => line[along]))
  return [u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0]]
}

/** Volume of one voxel in millilitres: exact for sheared grids too. */
export function voxelMl(grid: VolumeGrid): number {
  const [a, b, c] = grid.affineLps
  const determinant =
    a[0] * (b[1] * c[2] - b[2] * c[1]) - a[1] * (b[0] * c[2] - b[2] * c[0]) + a[2] * (b[0] * c[1] - b[1] * c[0])
  return Math.abs(determinant) / 1000
}

// -- turning a slice for display ----------------------------------------------------------------------------------------

/** One of the eight ways to lay a raw slice on the screen: first transpose, then flip what has become x and y. */
export interface Orientation {
  readonly transpose: boolean
  readonly flipX: boolean
  readonly flipY: boolean
}

export const AS_STORED: Orientation = { transpose: false, flipX: false, flipY: false }

/** How the raw slices along an axis must be laid on the screen so that they look as radiologists expect: the reader looks
 *  from the feet and faces the patient, so the patient's right is on the left; a sagittal slice shows anterior on the left. */
export function displayOrientation(letters: AxisLetters, axis: Axis): Orientation {
  const { row, column } = sliceAxes(axis)
  const plane = PLANE_BY_NORMAL[letters[axis]]
  const right = plane === 'sagittal' ? 'P' : 'L', down = plane === 'axial' ? 'P' : 'I'
  const columnRunsAcross = letters[column] === right || letters[column] === OPPOSITE[right]
  const across = columnRunsAcross ? letters[column] : letters[row]
  const along = columnRunsAcross ? letters[row] : letters[column]
  return { transpose: !columnRunsAcross, flipX: across !== right, flipY: along !== down }
}

/** Unit steps on the screen of one column and of one row: [x per column, y per column, x per row, y per row]. */
export function orientationMatrix(o: Orientation): readonly [number, number, number, number] {
  const sx = o.flipX ? -1 : 1
  const sy = o.flipY ? -1 : 1
  return o.transpose ? [0, sy, sx, 0] : [sx, 0, 0, sy]
}

/** A quarter turn clockwise on the screen, after what the orientation already does. */
export function turnedClockwise(o: Orientation): Orientation {
  return { transpose: !o.transpose, flipX: !o.flipY, flipY: o.flipX }
}

export function mirrored(o: Orientation, direction: 'horizontal' | 'vertical'): Orientation {
  return direction === 'horizontal' ? { ...o, flipX: !o.flipX } : { ...o, flipY: !o.flipY }
}

const ALL_ORIENTATIONS: readonly Orientation[] = [false, true].flatMap((transpose) =>
  [false, true].flatMap((flipX) => [false, true].map((flipY) => ({ transpose, flipX, flipY }))))

/** How a raw slice must lie so that the patient's sides are at these edges; null where the slice shows another plane. */
export function orientationWith(letters: AxisLetters, axis: Axis, edges: EdgeLetters): Orientation | null {
  const wanted = (found: EdgeLetters) => found.right === edges.right && found.bottom === edges.bottom
  return ALL_ORIENTATIONS.find((orientation) => wanted(edgeLetters(letters, axis, orientation))) ?? null
}

export interface EdgeLetters {
  readonly left: AxisLetter
  readonly right: AxisLetter
  readonly top: AxisLetter
  readonly bottom: AxisLetter
}

/** The letters at the four edges of the picture: where the patient's sides are, from the geometry, never assumed. */
export function edgeLetters(letters: AxisLetters, axis: Axis, o: Orientation): EdgeLetters {
  const { row, column } = sliceAxes(axis)
  const across = letters[o.transpose ? row : column]
  const along = letters[o.transpose ? column : row]
  const right = o.flipX ? OPPOSITE[across] : across
  const bottom = o.flipY ? OPPOSITE[along] : along
  return { left: OPPOSITE[right], right, top: OPPOSITE[bottom], bottom }
}
