// What a tool is: a table state -> event -> next state over the session. The tables are beside this file; the host that
// feeds them is host.ts. Every state but the first answers `cancel`, so Escape always ends a gesture.
import type { Camera } from '../camera.ts'
import type { ScreenPoint, SlicePoint, VoxelIndex } from '../geometry.ts'
import type { Session } from '../session.ts'
import type { ViewState } from '../view_state.ts'
import type { WindowLevel } from '../windowing.ts'

export type ToolId = 'pan' | 'zoom' | 'window' | 'scroll' | 'probe' | 'point' | 'box' | 'scribble' | 'encircle' | 'brush' | 'eraser' | 'lasso' | 'polygon'
  | 'ruler' | 'angle' | 'bidirectional' | 'rectangle' | 'ellipse' | 'livewire' | 'scissors' | 'trace'

export interface PointerInfo {
  readonly screen: ScreenPoint
  readonly point: SlicePoint
  /** Null outside of the volume. */
  readonly voxel: VoxelIndex | null
  readonly alt: boolean
  readonly ctrl: boolean
  readonly shift: boolean
  /** Of a pen, 1 for what has none: how hard it is pressed, in parts of the usual. */
  readonly pressure: number
}

/** What was true when the button went down: gestures are measured from it, and `cancel` goes back to it. */
export interface Press {
  readonly screen: ScreenPoint
  readonly point: SlicePoint
  readonly camera: Camera | null
  readonly window: WindowLevel
  readonly slice: number
  last: ScreenPoint
}

export interface ToolContext {
  readonly session: Session
  /** The pane that was pressed. */
  readonly view: ViewState
  press: Press
}

type Handler<State extends string> = (context: ToolContext, event: PointerInfo) => State

export interface Tool<State extends string = string> {
  readonly id: ToolId
  readonly initial: State
  readonly cursor: string
  readonly on: {
    readonly [S in State]: {
      readonly pointerDown?: Handler<State>
      readonly pointerMove?: Handler<State>
      readonly pointerUp?: Handler<State>
      /** The right button went down and up in place. */
      readonly secondaryClick?: Handler<State>
      /** Enter: what was begun over several presses is done. */
      readonly complete?: (context: ToolContext) => State
      /** Backspace: the newest part of it goes. */
      readonly back?: (context: ToolContext) => State
      readonly cancel?: (context: ToolContext) => State
    }
  }
}

export type PointerEventType = 'pointerDown' | 'pointerMove' | 'pointerUp' | 'secondaryClick'

/** A hand trembles: up to here a press is a click. */
export const CLICK_PX = 4

export function movedFar({ press }: ToolContext, event: PointerInfo): boolean {
  return Math.hypot(event.screen[0] - press.screen[0], event.screen[1] - press.screen[1]) > CLICK_PX
}
