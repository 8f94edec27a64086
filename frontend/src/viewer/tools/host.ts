// Feeds pointer events to the tool in hand. Middle button (or Shift) pans and the right button zooms whatever the tool;
// a right click in place goes to the tool. No DOM: input.ts makes the events.
import { toSlice } from '../camera.ts'
import { voxelAt, type ScreenPoint } from '../geometry.ts'
import type { Session } from '../session.ts'
import { livewire } from './livewire.ts'
import { angle, bidirectional, ellipse, rectangle, ruler } from './measuring.ts'
import { pan, probe, scroll, window, zoom } from './navigation.ts'
import { lasso, polygon, scissors } from './outlines.ts'
import { brush, eraser } from './painting.ts'
import { encircle, scribble } from './prompt_lines.ts'
import { box, point } from './prompts.ts'
import { trace } from './tracing.ts'
import { movedFar, type PointerEventType, type PointerInfo, type Tool, type ToolContext, type ToolId } from './tool.ts'
import type { ViewState } from '../view_state.ts'

export const TOOLS: Readonly<Record<ToolId, Tool>> = {
  pan, zoom, window, scroll, probe, ruler, angle, bidirectional, rectangle, ellipse, brush, eraser, lasso, polygon, livewire, scissors, trace, point, box, scribble, encircle,
} as Readonly<Record<ToolId, Tool>> // the one cast: a table of states is closed inside its tool

export type Button = 'left' | 'middle' | 'right'

export interface RawPointer {
  readonly screen: ScreenPoint
  readonly alt: boolean
  readonly ctrl: boolean
  readonly shift: boolean
  /** Of a pen: how hard it is pressed, in parts of the usual; 1 if not given. */
  readonly pressure?: number
}

interface Gesture {
  readonly tool: Tool
  readonly context: ToolContext
  state: string
  /** Null between the presses of a gesture that takes several. */
  button: Button | null
}

/** Tools that are as good in a side pane as in the main one; with any other in hand, a side pane moves the crosshair. */
const LOOKING: ReadonlySet<ToolId> = new Set(['pan', 'zoom', 'window', 'scroll', 'probe', 'ruler', 'angle', 'bidirectional', 'rectangle', 'ellipse'])

/** It changes how one looks, or measures; it draws nothing. */
export function looksOnly(id: ToolId): boolean {
  return LOOKING.has(id)
}

const PAINTING: ReadonlySet<ToolId> = new Set(['brush', 'eraser'])

/** Brush and eraser, which work in every pane. */
export function paints(id: ToolId): boolean {
  return PAINTING.has(id)
}

export class ToolHost {
  readonly #session: Session
  readonly #view: ViewState
  readonly #draws: boolean
  #gesture: Gesture | null = null
  /** A gesture of several presses (polygon) while the picture is panned or zoomed in between. */
  #suspended: Gesture | null = null

  /** `draws`: tools that draw do so here; elsewhere they move the crosshair. */
  constructor(session: Session, view: ViewState = session.view, draws = view === session.view) {
    this.#session = session
    this.#view = view
    this.#draws = draws
  }

  /** What the left button does here. */
  get #tool(): Tool {
    const id = this.#session.tool.value
    return TOOLS[this.#draws || looksOnly(id) || (paints(id) && this.#session.canPaint.value) ? id : 'probe']
  }

  get cursor(): string {
    if (this.#gesture?.tool.cursor === 'grab') return 'grabbing'
    const { id, cursor } = this.#tool
    return looksOnly(id) || (paints(id) ? this.#session.canPaint : this.#session.canDraw).value ? cursor : 'not-allowed'
  }

  /** A button is held down. */
  get busy(): boolean {
    return this.#gesture !== null && this.#gesture.button !== null
  }

  down(button: Button, raw: RawPointer): void {
    const going = this.#gesture
    if (going !== null && going.button !== null) return // a second button during a gesture is not a gesture
    const event = this.#event(raw)
    const view = this.#view
    const tool = button === 'middle' || (button === 'left' && raw.shift) ? pan as Tool
      : button === 'right' ? zoom as Tool : this.#tool
    if (going !== null && tool === going.tool) {
      going.button = button
      this.#step('pointerDown', event)
      return
    }
    this.#suspended = going
    const press = {
      screen: raw.screen, last: raw.screen, point: event.point, camera: view.camera.value,
      window: view.window.value, slice: view.slice.value,
    }
    this.#gesture = { tool, state: tool.initial, context: { session: this.#session, view, press }, button }
    if (button !== 'right') this.#step('pointerDown', event)
  }

  move(raw: RawPointer): void {
    this.#view.pointer.value = raw.screen
    const gesture = this.#gesture
    if (gesture === null) return
    const event = this.#event(raw)
    if (gesture.button === 'right' && gesture.state === 'idle') {
      if (!movedFar(gesture.context, event)) return // may still become a click
      this.#step('pointerDown', event)
      gesture.context.press.last = raw.screen
    }
    this.#step('pointerMove', event)
    gesture.context.press.last = raw.screen
  }

  up(raw: RawPointer): void {
    const gesture = this.#gesture
    if (gesture === null || gesture.button === null) return
    const event = this.#event(raw)
    if (gesture.button === 'right' && gesture.state === 'idle') {
      const tool = this.#tool
      tool.on[tool.initial].secondaryClick?.(gesture.context, event)
    } else {
      this.#step('pointerUp', event)
    }
    if (gesture.state === gesture.tool.initial) {
      this.#gesture = this.#suspended
      this.#suspended = null
    } else {
      gesture.button = null
    }
  }

  /** A finger that is held still where it was put down: a right click, for tools that have a use for one. */
  hold(): boolean {
    const gesture = this.#gesture, tool = this.#tool, secondaryClick = tool.on[tool.initial].secondaryClick
    if (gesture?.button !== 'left' || gesture.tool !== tool || !secondaryClick) return false
    this.cancel()
    secondaryClick(gesture.context, this.#event({ screen: gesture.context.press.screen, alt: false, ctrl: false, shift: false }))
    return true
  }

  /** Enter and Backspace in a gesture of several presses. True when the tool had a use for it. */
  complete(): boolean {
    return this.#key('complete')
  }

  back(): boolean {
    return this.#key('back')
  }

  /** Escape, a second finger, a lost pointer. True when there was a gesture to end. */
  cancel(): boolean {
    const gesture = this.#gesture
    if (gesture === null) return false
    this.#gesture = this.#suspended
    this.#suspended = null
    gesture.tool.on[gesture.state].cancel?.(gesture.context)
    return gesture.state !== gesture.tool.initial
  }

  #key(key: 'complete' | 'back'): boolean {
    const gesture = this.#gesture
    const handler = gesture?.button === null ? gesture.tool.on[gesture.state][key] : undefined
    if (!gesture || !handler) return false
    gesture.state = handler(gesture.context)
    if (gesture.state === gesture.tool.initial) this.#gesture = null
    return true
  }

  leave(): void {
    this.#view.pointer.value = null
  }

  #step(type: PointerEventType, event: PointerInfo): void {
    const gesture = this.#gesture!
    const handler = gesture.tool.on[gesture.state][type]
    if (handler) gesture.state = handler(gesture.context, event)
  }

  #event(raw: RawPointer): PointerInfo {
    const view = this.#view
    const slicePoint = toSlice(view.view.value, raw.screen)
    const voxel = voxelAt(view.volume, view.axis.value, view.slice.value, slicePoint)
    return { pressure: 1, ...raw, point: slicePoint, voxel }
  }
}
