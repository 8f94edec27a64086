// Prompts that are drawn in one drag: a scribble over what belongs (Alt: over what does not), and an outline around what is
// meant. A click is a point, as in the other prompt tools; Ctrl held collects without asking yet.
import type { SlicePoint } from '../geometry.ts'
import { lassoOf, scribbleOf } from '../prompt_shapes.ts'
import { near } from './outlines.ts'
import { addPoint, dragging, grab, removeOrExclude } from './prompts.ts'
import { movedFar, type PointerInfo, type Tool, type ToolContext, type ToolId } from './tool.ts'

type Steps = 'idle' | 'pressed' | 'drawing' | 'dragging'

const LEAST_STEP_PX = 3

function setPoints({ session }: ToolContext, points: readonly SlicePoint[], away: boolean): void {
  session.outline.value = { slice: session.view.slice.value, points, anchors: [], away }
}

function drawnIn(id: ToolId & ('scribble' | 'encircle'), end: (c: ToolContext, points: readonly SlicePoint[], e: PointerInfo) => void): Tool<Steps> {
  return {
    id, initial: 'idle', cursor: 'crosshair',
    on: {
      idle: {
        pointerDown: (c, e) => (grab(c, e) ? 'dragging' : c.session.canDraw.value ? 'pressed' : 'idle'),
        secondaryClick: removeOrExclude,
      },
      pressed: {
        pointerMove: (c, e) => {
          if (!movedFar(c, e)) return 'pressed'
          setPoints(c, [c.press.point, e.point], e.alt)
          return 'drawing'
        },
        pointerUp: (c, e) => {
          addPoint(c, e.voxel, !e.alt, e)
          return 'idle'
        },
        cancel: () => 'idle',
      },
      drawing: {
        pointerMove: (c, e) => {
          const points = c.session.outline.value?.points ?? []
          if (points.length > 0 && !near(c.session, points[points.length - 1], e.screen, LEAST_STEP_PX)) setPoints(c, [...points, e.point], e.alt)
          return 'drawing'
        },
        pointerUp: (c, e) => {
          const points = c.session.outline.value?.points ?? []
          c.session.outline.value = null
          if (points.length > 1) end(c, points, e)
          return 'idle'
        },
        cancel: ({ session }) => {
          session.outline.value = null
          return 'idle'
        },
      },
      dragging,
    },
  }
}

export const scribble = drawnIn('scribble', ({ session }, points, { alt, ctrl }) => {
  const { rows, columns } = session.view.shape.value
  session.addPrompt(scribbleOf(points, !alt, rows, columns), ctrl)
})

export const encircle = drawnIn('encircle', ({ session }, points, { ctrl }) => {
  const { rows, columns } = session.view.shape.value
  const lasso = lassoOf(points, rows, columns)
  if (lasso !== null) session.addPrompt(lasso, ctrl)
})
