// A pointer moved and pressed by keys, for those who do not use a mouse: it feeds the same tool host. Tools that click
// click at once; tools that drag begin with one press and end with the next, so no key has to be held. A prompt that is
// pressed is taken into the hand, and let go with the next press.
import { screenPoint } from '../camera.ts'
import type { Session } from '../session.ts'
import type { RawPointer, ToolHost } from './host.ts'
import type { ToolId } from './tool.ts'

const CLICKING: ReadonlySet<ToolId> = new Set(['point', 'probe', 'polygon', 'livewire'])

export class KeyboardHand {
  readonly #session: Session
  readonly #host: ToolHost

  constructor(session: Session, host: ToolHost) {
    this.#session = session
    this.#host = host
  }

  move(dxPx: number, dyPx: number): void {
    const { width, height } = this.#session.view.viewport.value
    const [x, y] = this.#at().screen
    const screen = screenPoint(clamp(x + dxPx, width), clamp(y + dyPx, height))
    this.#host.move({ screen, alt: false, ctrl: false, shift: false })
    this.#session.view.pointerByKeys.value = true
  }

  /** With Alt, what it is for the mouse: a negative point, the eraser in place of the brush. With Ctrl prompts are collected. */
  press(held: { readonly alt?: boolean; readonly ctrl?: boolean } = {}): void {
    const raw = this.#at(held)
    this.#session.view.pointer.value = raw.screen
    this.#session.view.pointerByKeys.value = true
    if (this.#host.busy) {
      this.#host.up(raw)
      return
    }
    this.#host.down('left', raw)
    if (CLICKING.has(this.#session.tool.value) && (raw.alt || this.#session.grabbed.value === null)) this.#host.up(raw)
  }

  #at({ alt = false, ctrl = false }: { readonly alt?: boolean; readonly ctrl?: boolean } = {}): RawPointer {
    const { pointer, viewport } = this.#session.view
    const { width, height } = viewport.value
    return { screen: pointer.value ?? screenPoint(width / 2, height / 2), alt, ctrl, shift: false }
  }
}

function clamp(value: number, most: number): number {
  return Math.min(most, Math.max(0, value))
}
