// Pointer, wheel and touch of the overlay canvas -> the tool host and the view. Keys are annotate/keyboard.ts.
// One finger or pen is the tool; two fingers pan and zoom, and one that is held still is a right click.
import { batch, effect } from '@preact/signals-core'

import { screenPoint } from './camera.ts'
import { isMac } from './computer.ts'
import type { ScreenPoint } from './geometry.ts'
import type { Session } from './session.ts'
import type { Button, RawPointer, ToolHost } from './tools/host.ts'
import { CLICK_PX } from './tools/tool.ts'
import type { ViewState } from './view_state.ts'

/** The sixth is the eraser at the other end of a pen. */
const BUTTONS: Readonly<Record<number, Button>> = { 0: 'left', 1: 'middle', 2: 'right', 5: 'left' }
const ERASER_HELD = 32
const WHEEL_PX_PER_SLICE = 60
const WHEEL_ZOOM_PER_PX = 0.0025
const BRUSH_STEP = 1.1
const OPACITY_STEP = 0.05
const LINE_PX = 20
/** A finger that stays for as long is held. */
const HOLD_MS = 500
/** Pens report 0..1, and half of it when they are held as for writing. */
const USUAL_PRESSURE = 0.5

/** Listens until the returned function is called. */
export function mountInput(session: Session, view: ViewState, host: ToolHost, canvas: HTMLCanvasElement): () => void {
  const touches = new Map<number, ScreenPoint>()
  const mac = isMac()
  let lastPressure = USUAL_PRESSURE
  let penDown = false // the hand that holds it lies on the screen, too
  let wheelRest = 0
  let holding: { readonly at: ScreenPoint; readonly timer: ReturnType<typeof setTimeout> } | null = null

  const at = (event: { clientX: number; clientY: number }): ScreenPoint => {
    const box = canvas.getBoundingClientRect()
    return screenPoint(event.clientX - box.left, event.clientY - box.top)
  }
  /** A pen that is lifted reports none: the stroke ends as it was. */
  const pressed = ({ pressure }: PointerEvent): number => (pressure > 0 ? (lastPressure = pressure) : lastPressure)
  const raw = (event: PointerEvent, screen: ScreenPoint = at(event)): RawPointer => ({
    screen, alt: event.altKey || (event.buttons & ERASER_HELD) !== 0 || event.button === 5,
    ctrl: event.metaKey || (event.ctrlKey && !mac), shift: event.shiftKey,
    ...(event.pointerType === 'pen' ? { pressure: pressed(event) / USUAL_PRESSURE } : {}),
  })
  const showCursor = () => {
    canvas.style.cursor = host.cursor
  }

  const letGo = () => {
    clearTimeout(holding?.timer)
    holding = null
  }

  const down = (event: PointerEvent) => {
    letGo()
    const button = mac && event.ctrlKey && event.button === 0 ? 'right' : BUTTONS[event.button]
    if (button === undefined || (penDown && event.pointerType === 'touch')) return
    if (event.pointerType === 'pen') {
      penDown = true
      if (touches.size > 0) host.cancel() // the hand was there first
      touches.clear()
    }
    event.preventDefault()
    canvas.focus({ preventScroll: true })
    canvas.setPointerCapture(event.pointerId)
    if (event.pointerType === 'touch') {
      touches.set(event.pointerId, at(event))
      if (touches.size > 1) {
        host.cancel()
        return
      }
    }
    host.down(button, raw(event))
    if (event.pointerType === 'touch') holding = { at: at(event), timer: setTimeout(() => host.hold(), HOLD_MS) }
    showCursor()
  }

  const move = (event: PointerEvent) => {
    if (penDown && event.pointerType === 'touch') return
    view.pointerByKeys.value = false
    if (holding !== null && Math.hypot(at(event)[0] - holding.at[0], at(event)[1] - holding.at[1]) > CLICK_PX) letGo()
    if (touches.size > 1 && touches.has(event.pointerId)) {
      pinch(event)
      return
    }
    const parts = event.buttons !== 0 ? event.getCoalescedEvents?.() ?? [] : []
    const box = canvas.getBoundingClientRect()
    batch(() => { // one frame shows them all
      for (const part of parts) host.move(raw(part, screenPoint(part.clientX - box.left, part.clientY - box.top)))
      if (parts.length === 0) host.move(raw(event))
    })
    showCursor()
  }

  const up = (event: PointerEvent) => {
    if (penDown && event.pointerType === 'touch') return
    if (event.pointerType === 'pen') penDown = false
    letGo()
    const pinching = touches.size > 1
    touches.delete(event.pointerId)
    if (!pinching) host.up(raw(event))
    if (event.pointerType === 'touch') host.leave()
    showCursor()
  }

  const lost = (event: PointerEvent) => {
    if (penDown && event.pointerType === 'touch') return
    if (event.pointerType === 'pen') penDown = false
    letGo()
    touches.delete(event.pointerId)
    host.cancel()
    host.leave()
  }

  /** The point between the fingers stays between them; their distance zooms. */
  const pinch = (event: PointerEvent) => {
    const before = [...touches.values()]
    touches.set(event.pointerId, at(event))
    const after = [...touches.values()]
    const middle = (p: readonly ScreenPoint[]) => screenPoint((p[0][0] + p[1][0]) / 2, (p[0][1] + p[1][1]) / 2)
    const spread = (p: readonly ScreenPoint[]) => Math.hypot(p[0][0] - p[1][0], p[0][1] - p[1][1])
    const from = middle(before), to = middle(after)
    view.panBy(to[0] - from[0], to[1] - from[1])
    if (spread(before) > 0) view.zoomAbout(to, spread(after) / spread(before))
  }

  const wheel = (event: WheelEvent) => {
    event.preventDefault()
    const unit = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? LINE_PX : 1
    const amount = (event.deltaY || event.deltaX) * unit // Shift turns the wheel sideways in some browsers
    if (event.ctrlKey || event.metaKey) view.zoomAbout(at(event), Math.exp(-amount * WHEEL_ZOOM_PER_PX))
    else if (event.shiftKey) session.strokes.setRadiusMm(session.strokes.radiusMm.value * (amount < 0 ? BRUSH_STEP : 1 / BRUSH_STEP))
    else if (event.altKey) session.setOpacity(session.opacity.value + (amount < 0 ? OPACITY_STEP : -OPACITY_STEP))
    else scroll(amount)
  }

  /** A notch of a wheel is one slice at least; a trackpad adds up. */
  const scroll = (amount: number) => {
    wheelRest += Math.abs(amount) >= WHEEL_PX_PER_SLICE ? Math.sign(amount) * WHEEL_PX_PER_SLICE : amount
    const steps = Math.trunc(wheelRest / WHEEL_PX_PER_SLICE)
    wheelRest -= steps * WHEEL_PX_PER_SLICE
    if (steps !== 0) view.setSlice(view.slice.value + steps)
  }

  const noMenu = (event: Event) => event.preventDefault()
  const leave = (event: PointerEvent) => {
    if (!penDown || event.pointerType === 'pen') host.leave()
  }

  canvas.style.touchAction = 'none'
  if (canvas.tabIndex < 0) canvas.tabIndex = 0
  const listeners: readonly [string, (event: never) => void][] = [
    ['pointerdown', down], ['pointermove', move], ['pointerup', up], ['pointercancel', lost], ['pointerleave', leave],
    ['wheel', wheel], ['contextmenu', noMenu],
  ]
  for (const [type, listener] of listeners) canvas.addEventListener(type, listener as EventListener, { passive: false })
  const stop = effect(showCursor) // a key may have changed the tool
  return () => {
    letGo()
    stop()
    for (const [type, listener] of listeners) canvas.removeEventListener(type, listener as EventListener)
  }
}
