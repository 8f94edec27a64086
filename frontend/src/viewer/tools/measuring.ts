// Tools that measure: a drag for lengths and shapes; for an angle a drag and a click; for two axes two drags.
import type { SlicePoint } from '../geometry.ts'
import type { MeasureKind } from '../measuring.ts'
import { movedFar, type PointerInfo, type Tool, type ToolContext, type ToolId } from './tool.ts'

type Steps = 'idle' | 'first' | 'between' | 'second'

function setPoints({ view }: ToolContext, points: readonly SlicePoint[]): void {
  const now = view.measuring.value
  if (now !== null) view.measuring.value = { ...now, points }
}

function pointsOf({ view }: ToolContext): readonly SlicePoint[] {
  return view.measuring.value?.points ?? []
}

function giveUp({ view }: ToolContext): 'idle' {
  view.measuring.value = null
  return 'idle'
}

/** The last point is where the pointer is. */
function follow(c: ToolContext, e: PointerInfo): void {
  setPoints(c, [...pointsOf(c).slice(0, -1), inSlice(c, e.point)])
}

/** Nothing is measured beside the slice. */
function inSlice({ view }: ToolContext, [x, y]: SlicePoint): SlicePoint {
  const { rows, columns } = view.shape.value
  return [Math.min(columns - 1, Math.max(0, x)), Math.min(rows - 1, Math.max(0, y))] as unknown as SlicePoint
}

function finish({ session, view }: ToolContext): 'idle' {
  if (view.measuring.value !== null) session.measured(view.measuring.value)
  return 'idle'
}

function measuring(id: ToolId, kind: MeasureKind): Tool<Steps> {
  const begin = (c: ToolContext, e: PointerInfo): 'first' => {
    const at = inSlice(c, e.point)
    c.view.measuring.value = { kind, axis: c.view.axis.value, index: c.view.slice.value, points: [at, at] }
    return 'first'
  }
  return {
    id, initial: 'idle', cursor: 'crosshair',
    on: {
      idle: { pointerDown: begin },
      first: {
        pointerMove: (c, e) => {
          follow(c, e)
          return 'first'
        },
        pointerUp: (c, e) => {
          if (!movedFar(c, e)) return giveUp(c) // a click takes away what was measured last and not kept
          follow(c, e)
          if (kind === 'angle') setPoints(c, [...pointsOf(c), inSlice(c, e.point)])
          return kind === 'angle' || kind === 'bidirectional' ? 'between' : finish(c)
        },
        cancel: giveUp,
      },
      between: {
        pointerDown: (c, e) => {
          const now = c.view.measuring.value
          if (now?.index !== c.view.slice.value || now.axis !== c.view.axis.value) return begin(c, e) // the reader has moved on
          const at = inSlice(c, e.point)
          if (kind === 'angle') follow(c, e)
          else setPoints(c, [...pointsOf(c).slice(0, 2), at, at])
          return 'second'
        },
        pointerMove: (c, e) => {
          if (kind === 'angle') follow(c, e)
          return 'between'
        },
        pointerUp: () => 'between',
        cancel: giveUp,
      },
      second: {
        pointerMove: (c, e) => {
          follow(c, e)
          return 'second'
        },
        pointerUp: (c, e) => {
          follow(c, e)
          return finish(c)
        },
        cancel: giveUp,
      },
    },
  }
}

export const ruler = measuring('ruler', 'length')
export const angle = measuring('angle', 'angle')
export const bidirectional = measuring('bidirectional', 'bidirectional')
export const rectangle = measuring('rectangle', 'rectangle')
export const ellipse = measuring('ellipse', 'ellipse')
