// Prompts taken by the hand: which one lies under a screen position, and what it becomes when it is dragged. Points move,
// boxes are drawn by a corner. Used by both prompt tools and by the overlay, which shows what can be taken.
import { toScreen, toSlice } from '../camera.ts'
import type { BoxPrompt, LassoPrompt, Prompt, ScribblePrompt } from '../draft.ts'
import { slicePoint, type ScreenPoint, type SlicePoint } from '../geometry.ts'
import type { Session } from '../session.ts'

/** A prompt of the visible slice, by its place in the list; of a box, the corner; of what is drawn, where it was taken. */
export interface Grip { readonly index: number; readonly prompt: Prompt; readonly corner: number | null; readonly at: SlicePoint | null }

/** As far as the disc of a point reaches. */
const REACH_PX = 7

/** Outer corners, clockwise from the top left of the unflipped slice. */
export function corners({ x0, y0, x1, y1 }: BoxPrompt): readonly SlicePoint[] {
  const left = x0 - 0.5, top = y0 - 0.5, right = x1 + 0.5, bottom = y1 + 0.5
  return [slicePoint(left, top), slicePoint(right, top), slicePoint(right, bottom), slicePoint(left, bottom)]
}

/** The newest prompt within reach, where prompts can be changed. */
export function gripAt(session: Session, at: ScreenPoint): Grip | null {
  if (!session.canDraw.value) return null
  const view = session.view.view.value
  const near = (point: SlicePoint) => {
    const [x, y] = toScreen(view, point)
    return Math.hypot(x - at[0], y - at[1]) <= REACH_PX
  }
  const prompts = session.prompts.value
  for (let index = prompts.length - 1; index >= 0; index--) {
    const prompt = prompts[index]
    if (prompt.kind === 'point') {
      if (near(slicePoint(prompt.x, prompt.y))) return { index, prompt, corner: null, at: null }
    } else if (prompt.kind === 'scribble' || prompt.kind === 'lasso') {
      const line = prompt.points.map(([x, y]) => toScreen(view, slicePoint(x, y)))
      const closed = prompt.kind === 'lasso' ? [...line, line[0]] : line
      if (closed.some((to, n) => n > 0 && apart(at, closed[n - 1], to) <= REACH_PX)) return { index, prompt, corner: null, at: toSlice(view, at) }
    } else {
      const corner = corners(prompt).findIndex(near)
      if (corner >= 0) return { index, prompt, corner, at: null }
    }
  }
  return null
}

/** The prompt with its grip at a point of the slice, kept on the slice; a box keeps two columns and rows at least. */
export function dragged({ prompt, corner, at }: Grip, to: SlicePoint, rows: number, columns: number): Prompt {
  if (prompt.kind === 'scribble' || prompt.kind === 'lasso') return at === null ? prompt : shifted(prompt, to[0] - at[0], to[1] - at[1], rows, columns)
  const x = Math.min(columns - 1, Math.max(0, Math.round(to[0]))), y = Math.min(rows - 1, Math.max(0, Math.round(to[1])))
  if (prompt.kind === 'point') return { ...prompt, x, y }
  const { x0, y0, x1, y1 } = prompt
  const fixedX = corner === 0 || corner === 3 ? x1 : x0, fixedY = corner === 0 || corner === 1 ? y1 : y0
  const moved = { kind: 'box' as const, x0: Math.min(fixedX, x), y0: Math.min(fixedY, y), x1: Math.max(fixedX, x), y1: Math.max(fixedY, y) }
  return moved.x1 > moved.x0 && moved.y1 > moved.y0 ? moved : prompt
}

/** By whole voxels, as far as it stays on the slice. */
function shifted<P extends ScribblePrompt | LassoPrompt>(prompt: P, dx: number, dy: number, rows: number, columns: number): P {
  const xs = prompt.points.map(([x]) => x), ys = prompt.points.map(([, y]) => y)
  const x = Math.round(Math.min(columns - 1 - Math.max(...xs), Math.max(-Math.min(...xs), dx)))
  const y = Math.round(Math.min(rows - 1 - Math.max(...ys), Math.max(-Math.min(...ys), dy)))
  if (x === 0 && y === 0) return prompt
  const points = prompt.points.map(([px, py]) => [px + x, py + y] as const)
  if (prompt.kind === 'scribble') return { ...prompt, points }
  return { ...prompt, points, x0: prompt.x0 + x, x1: prompt.x1 + x, x: prompt.x + x, y0: prompt.y0 + y, y1: prompt.y1 + y, y: prompt.y + y }
}

/** From a point to a line between two, on the screen. */
function apart(p: ScreenPoint, a: ScreenPoint, b: ScreenPoint): number {
  const dx = b[0] - a[0], dy = b[1] - a[1], length2 = dx * dx + dy * dy
  const share = length2 === 0 ? 0 : Math.min(1, Math.max(0, ((p[0] - a[0]) * dx + (p[1] - a[1]) * dy) / length2))
  return Math.hypot(p[0] - a[0] - share * dx, p[1] - a[1] - share * dy)
}
