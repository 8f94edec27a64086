// Tools that draw an outline: lasso in one drag and polygon corner by corner fill it, Alt at the end takes away instead;
// scissors cut what it encloses out of all slices of the label, with Alt all but that.
// A polygon closes with Enter, with a click on its first corner or a second click on its last; Backspace takes a corner back.
import { toScreen } from '../camera.ts'
import type { ScreenPoint, SlicePoint } from '../geometry.ts'
import type { Session } from '../session.ts'
import { cutThrough, fillOutline } from '../slice_edits.ts'
import type { PointerInfo, Tool, ToolId } from './tool.ts'

const LEAST_STEP_PX = 2
export const CLOSE_PX = 9

function points({ outline }: Session): readonly SlicePoint[] {
  return outline.value?.points ?? []
}

function setPoints(session: Session, list: readonly SlicePoint[], anchors: readonly SlicePoint[] = []): void {
  session.outline.value = { slice: session.view.slice.value, points: list, anchors }
}

/** The corners of a polygon; the last point follows the pointer. */
function setCorners(session: Session, list: readonly SlicePoint[]): void {
  setPoints(session, list, list.slice(0, -1))
}

export function near(session: Session, point: SlicePoint, at: ScreenPoint, px: number): boolean {
  const [x, y] = toScreen(session.view.view.value, point)
  return Math.hypot(at[0] - x, at[1] - y) <= px
}

export function finish(session: Session, list: readonly SlicePoint[], away: boolean): 'idle' {
  session.outline.value = null
  fillOutline(session, list, away)
  return 'idle'
}

export function giveUp(session: Session): 'idle' {
  session.outline.value = null
  return 'idle'
}

function freehand(id: ToolId & ('lasso' | 'scissors'), end: (session: Session, list: readonly SlicePoint[], alt: boolean) => 'idle'): Tool<'idle' | 'drawing'> {
  return {
    id, initial: 'idle', cursor: 'crosshair',
    on: {
      idle: {
        pointerDown: ({ session }, e) => {
          if (!session.canDraw.value) return 'idle'
          setPoints(session, [e.point])
          return 'drawing'
        },
      },
      drawing: {
        pointerMove: ({ session }, e) => {
          const list = points(session)
          if (!near(session, list[list.length - 1], e.screen, LEAST_STEP_PX)) setPoints(session, [...list, e.point])
          return 'drawing'
        },
        pointerUp: ({ session }, e) => end(session, points(session), e.alt),
        cancel: ({ session }) => giveUp(session),
      },
    },
  }
}

export const lasso = freehand('lasso', finish)

export const scissors = freehand('scissors', (session, list, alt) => {
  session.outline.value = null
  cutThrough(session, list, alt)
  return 'idle'
})

/** The last point of the list follows the pointer until it is put down. */
export const polygon: Tool<'idle' | 'placing'> = {
  id: 'polygon', initial: 'idle', cursor: 'crosshair',
  on: {
    idle: {
      pointerDown: ({ session }, e) => {
        if (!session.canDraw.value) return 'idle'
        setCorners(session, [e.point, e.point])
        return 'placing'
      },
    },
    placing: {
      pointerDown: ({ session }, e) => placed(session, e),
      pointerMove: ({ session }, e) => {
        setCorners(session, [...points(session).slice(0, -1), e.point])
        return 'placing'
      },
      pointerUp: () => 'placing',
      complete: ({ session }) => finish(session, points(session).slice(0, -1), false),
      back: ({ session }) => {
        const list = points(session)
        if (list.length <= 2) return giveUp(session)
        setCorners(session, [...list.slice(0, -2), list[list.length - 1]])
        return 'placing'
      },
      cancel: ({ session }) => giveUp(session),
    },
  },
}

function placed(session: Session, e: PointerInfo): 'idle' | 'placing' {
  if (session.outline.value?.slice !== session.view.slice.value) { // the reader has moved on: begin anew here
    setCorners(session, [e.point, e.point])
    return 'placing'
  }
  const corners = points(session).slice(0, -1)
  const closes = corners.length > 2 &&
    (near(session, corners[0], e.screen, CLOSE_PX) || near(session, corners[corners.length - 1], e.screen, CLOSE_PX / 2))
  if (closes) return finish(session, corners, e.alt)
  setCorners(session, [...corners, e.point, e.point])
  return 'placing'
}
