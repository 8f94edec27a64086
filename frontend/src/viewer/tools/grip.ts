// Prompts taken by the hand: which one lies under a screen position, and what it becomes when it is dragged. Points move,
// boxes are drawn by a corner. Used by both prompt tools and by the overlay, which shows what can be taken.
import { toScreen } from '../camera.ts'
import type { BoxPrompt, Prompt } from '../draft.ts'
import { slicePoint, type ScreenPoint, type SlicePoint } from '../geometry.ts'
import type { Session } from '../session.ts'

/** A prompt of the visible slice, by its place in the list; of a box, the corner. */
export interface Grip { readonly index: number; readonly prompt: Prompt; readonly corner: number | null }

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
      if (near(slicePoint(prompt.x, prompt.y))) return { index, prompt, corner: null }
    } else {
      const corner = corners(prompt).findIndex(near)
      if (corner >= 0) return { index, prompt, corner }
    }
  }
  return null
}

/** The prompt with its grip at a point of the slice, kept on the slice; a box keeps two columns and rows at least. */
export function dragged({ prompt, corner }: Grip, to: SlicePoint, rows: number, columns: number): Prompt {
  const x = Math.min(columns - 1, Math.max(0, Math.round(to[0]))), y = Math.min(rows - 1, Math.max(0, Math.round(to[1])))
  if (prompt.kind === 'point') return { ...prompt, x, y }
  const { x0, y0, x1, y1 } = prompt
  const fixedX = corner === 0 || corner === 3 ? x1 : x0, fixedY = corner === 0 || corner === 1 ? y1 : y0
  const moved = { kind: 'box' as const, x0: Math.min(fixedX, x), y0: Math.min(fixedY, y), x1: Math.max(fixedX, x), y1: Math.max(fixedY, y) }
  return moved.x1 > moved.x0 && moved.y1 > moved.y0 ? moved : prompt
}
