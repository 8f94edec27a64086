// A label as a body in space: the points of its surface with normals, from the masks of its slices, and their picture from
// any side as shaded pixels. Pure, no canvas. The grid between is even in millimetres, so thick slices look right.
import { patientPoint, type Triple, type VolumeGrid } from './geometry.ts'
import type { LabelMasks } from './label_masks.ts'

export interface Solid {
  /** (x, y, z) in millimetres, LPS, from the middle of the volume. */
  readonly points: Float32Array
  /** Outward, unit length. */
  readonly normals: Float32Array
  /** Distance of neighbouring points. */
  readonly cellMm: number
}

/** From where one looks: turned around the body's long axis, then tilted; zero is from the front. Radians. */
export interface Aspect { readonly yaw: number; readonly pitch: number }

export interface SolidImage { readonly width: number; readonly height: number; readonly words: Int32Array; readonly depth: Float32Array }

/** Cells along the longest side of a label. */
const CELLS = 110
const RIM = 2

interface Extent { readonly from: [number, number, number]; readonly to: [number, number, number] }

/** Null for a label without a voxel. */
export function solidOf(masks: LabelMasks, labelId: string, grid: VolumeGrid): Solid | null {
  const slices = masks.slices(labelId)
  if (slices.length === 0) return null
  const extent = extentOf(masks, labelId, slices)
  const sides = extent.from.map((from, a) => (extent.to[a] - from + 1) * grid.spacingKjiMm[a])
  const cellMm = Math.max(Math.max(...sides) / CELLS, Math.min(grid.spacingKjiMm[1], grid.spacingKjiMm[2]))
  const field = smoothed(sampled(masks, labelId, grid, extent, cellMm))
  return surface(field, grid, extent, cellMm)
}

function extentOf(masks: LabelMasks, labelId: string, slices: readonly number[]): Extent {
  const from: Extent['from'] = [Math.min(...slices), Infinity, Infinity], to: Extent['to'] = [Math.max(...slices), -1, -1]
  for (const k of slices) {
    const { rows, columns, toggles } = masks.get(labelId, k)
    for (let n = 0; n < toggles.length; n += 2) {
      const start = toggles[n], last = (toggles[n + 1] ?? rows * columns) - 1
      const column = Math.floor(start / rows), lastColumn = Math.floor(last / rows)
      from[2] = Math.min(from[2], column)
      to[2] = Math.max(to[2], lastColumn)
      from[1] = Math.min(from[1], column === lastColumn ? start - column * rows : 0)
      to[1] = Math.max(to[1], column === lastColumn ? last - column * rows : rows - 1)
    }
  }
  return { from, to }
}

interface Field { readonly shape: Triple; readonly values: Float32Array }

/** Share of each cell that the label fills, 0..1, linear between slices, with an empty rim. */
function sampled(masks: LabelMasks, labelId: string, grid: VolumeGrid, { from, to }: Extent, cellMm: number): Field {
  const cells = from.map((start, a) => Math.ceil(((to[a] - start + 1) * grid.spacingKjiMm[a]) / cellMm) + 2 * RIM)
  const [depth, height, width] = cells
  const cellOf = (a: 1 | 2, index: number) => RIM + Math.floor(((index - from[a] + 0.5) * grid.spacingKjiMm[a]) / cellMm)
  const perRow = new Float32Array(height), perColumn = new Float32Array(width)
  for (let j = from[1]; j <= to[1]; j++) perRow[cellOf(1, j)]++
  for (let i = from[2]; i <= to[2]; i++) perColumn[cellOf(2, i)]++
  const planes = new Map<number, Float32Array>()
  const planeOf = (k: number) => {
    let plane = planes.get(k)
    if (plane === undefined) {
      plane = new Float32Array(height * width)
      const { rows, columns, toggles } = masks.get(labelId, k)
      for (let n = 0; n < toggles.length; n += 2) {
        const end = toggles[n + 1] ?? rows * columns
        for (let at = toggles[n]; at < end; at++) {
          const i = Math.floor(at / rows)
          plane[cellOf(1, at - i * rows) * width + cellOf(2, i)]++
        }
      }
      for (let y = 0; y < height; y++) {
        for (let x = 0; x < width; x++) {
          const all = perRow[y] * perColumn[x]
          if (all > 0) plane[y * width + x] /= all
        }
      }
      planes.set(k, plane)
      planes.delete(k - 2) // cells are visited in order
    }
    return plane
  }
  const values = new Float32Array(depth * height * width)
  for (let z = RIM; z < depth - RIM; z++) {
    const at = from[0] - 0.5 + ((z - RIM + 0.5) * cellMm) / grid.spacingKjiMm[0]
    const below = Math.floor(at), share = at - below
    const first = planeOf(below), second = planeOf(below + 1)
    for (let n = 0; n < first.length; n++) values[z * first.length + n] = (1 - share) * first[n] + share * second[n]
  }
  return { shape: [depth, height, width], values }
}

/** A box of three cells along each axis. */
function smoothed({ shape, values }: Field): Field {
  const [, height, width] = shape
  let from = values
  for (const step of [1, width, height * width]) {
    const into = new Float32Array(from.length)
    for (let n = step; n < from.length - step; n++) into[n] = (from[n - step] + from[n] + from[n + step]) / 3
    from = into
  }
  return { shape, values: from }
}

function surface({ shape: [depth, height, width], values }: Field, grid: VolumeGrid, { from }: Extent, cellMm: number): Solid {
  const steps = [height * width, width, 1] as const
  const middle = patientPoint(grid, grid.shapeKji.map((n) => (n - 1) / 2) as unknown as Triple)
  const along = [0, 1, 2].map((a) => [0, 1, 2].map((row) => grid.affineLps[row][a] / grid.spacingKjiMm[a]))
  const points: number[] = [], normals: number[] = []
  for (let z = 1; z < depth - 1; z++) {
    for (let y = 1; y < height - 1; y++) {
      for (let x = 1; x < width - 1; x++) {
        const at = z * steps[0] + y * steps[1] + x
        if (values[at] < 0.5 || steps.every((step) => values[at - step] >= 0.5 && values[at + step] >= 0.5)) continue
        const slope = steps.map((step) => (values[at + step] - values[at - step]) / 2)
        const steep = Math.hypot(...slope) || 1
        const out = slope.map((part) => -part / steep)
        const lift = Math.min(1, (values[at] - 0.5) / steep) // to where the field is one half
        const voxel = [z, y, x].map((cell, a) => from[a] - 0.5 + ((cell - RIM + 0.5 + lift * out[a]) * cellMm) / grid.spacingKjiMm[a])
        const place = patientPoint(grid, voxel as unknown as Triple)
        for (let row = 0; row < 3; row++) {
          points.push(place[row] - middle[row])
          normals.push(out[0] * along[0][row] + out[1] * along[1][row] + out[2] * along[2][row])
        }
      }
    }
  }
  return { points: Float32Array.from(points), normals: Float32Array.from(normals), cellMm }
}

/** Unit vectors of the screen in the patient: to the right, down, and away from who looks. */
export function aspectAxes({ yaw, pitch }: Aspect): readonly [right: Triple, down: Triple, away: Triple] {
  const [cy, sy, cp, sp] = [Math.cos(yaw), Math.sin(yaw), Math.cos(pitch), Math.sin(pitch)]
  return [[cy, sy, 0], [sp * sy, -sp * cy, -cp], [-cp * sy, cp * cy, -sp]]
}

const AMBIENT = 0.25

/** Draws solids (0xRRGGBB each) nearest first over what is clear; the middle of the volume is the middle of the picture. */
export function drawSolids(
  solids: readonly { readonly solid: Solid; readonly color: number }[], aspect: Aspect, pxPerMm: number, image: SolidImage,
): void {
  const { width, height, words, depth } = image
  const [right, down, away] = aspectAxes(aspect)
  words.fill(0)
  depth.fill(Infinity)
  for (const { solid: { points, normals, cellMm }, color } of solids) {
    const side = Math.max(1, Math.ceil(1.5 * cellMm * pxPerMm)), half = (side - 1) / 2
    const [red, green, blue] = [(color >> 16) & 255, (color >> 8) & 255, color & 255]
    for (let n = 0; n < points.length; n += 3) {
      const px = points[n], py = points[n + 1], pz = points[n + 2]
      const far = away[0] * px + away[1] * py + away[2] * pz
      const facing = -(away[0] * normals[n] + away[1] * normals[n + 1] + away[2] * normals[n + 2])
      if (facing < -0.2) continue // the back of the body
      const x0 = Math.round(width / 2 + pxPerMm * (right[0] * px + right[1] * py + right[2] * pz) - half)
      const y0 = Math.round(height / 2 + pxPerMm * (down[0] * px + down[1] * py + down[2] * pz) - half)
      const light = AMBIENT + (1 - AMBIENT) * Math.max(0, facing)
      const word = 0xff000000 | (Math.round(blue * light) << 16) | (Math.round(green * light) << 8) | Math.round(red * light)
      for (let y = Math.max(0, y0); y < Math.min(height, y0 + side); y++) {
        for (let x = Math.max(0, x0); x < Math.min(width, x0 + side); x++) {
          const at = y * width + x
          if (far >= depth[at]) continue
          depth[at] = far
          words[at] = word
        }
      }
    }
  }
}
