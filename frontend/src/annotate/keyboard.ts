// Key presses -> actions. Which keys do what is in actions.ts and keymap.ts; this file listens.
import { isEnabled } from './actions.ts'
import type { Annotator, PageCommands } from './annotator.ts'
import { actionFor } from './keymap.ts'

/** What keys do to a gesture that is going on; each says whether there was one that had a use for it. */
export interface GestureKeys { cancel(): boolean; complete(): boolean; back(): boolean }

/** Listens on the window until the returned function is called. */
export function bindKeys(
  annotator: Annotator, page: PageCommands, target: Window, gesture: GestureKeys,
): () => void {
  const down = (event: KeyboardEvent) => {
    if (event.defaultPrevented || event.isComposing || isTyping(event.target)) return
    const plain = !event.shiftKey && !event.altKey && !event.ctrlKey && !event.metaKey // Shift+Enter presses the pointer
    const forGesture = plain ? { Escape: () => gesture.cancel(), Enter: () => gesture.complete(), Backspace: () => gesture.back() }[event.key] : undefined
    if (forGesture?.()) {
      event.preventDefault()
      return
    }
    const action = actionFor(event)
    if (action === null || (isSlider(event.target) && SLIDER_KEYS.has(event.key))) return
    if (isControl(event.target) && (event.code === 'Space' || event.key === 'Enter') && plain) return // it presses that button
    event.preventDefault() // also when it cannot be done now: Ctrl+S must never open the browser's dialog
    if ((event.repeat && !action.repeats) || !isEnabled(action, annotator)) return
    action.perform(annotator, page)
  }
  const up = (event: KeyboardEvent) => {
    if (event.key === 'Control' || event.key === 'Meta') annotator.askNow()
  }
  const away = () => annotator.askNow() // the key may come up elsewhere
  target.addEventListener('keydown', down)
  target.addEventListener('blur', away)
  target.addEventListener('keyup', up)
  return () => {
    target.removeEventListener('keydown', down)
    target.removeEventListener('blur', away)
    target.removeEventListener('keyup', up)
  }
}

function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement &&
    (target.isContentEditable || target.matches('input:not([type=checkbox], [type=radio], [type=range], [type=button]), textarea, select') ||
      target.closest('dialog[open], [role=dialog]') !== null)
}

/** Keys that move a slider which has the focus. */
const SLIDER_KEYS = new Set(['ArrowUp', 'ArrowDown', 'ArrowLeft', 'ArrowRight', 'Home', 'End', 'PageUp', 'PageDown'])

function isSlider(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.matches('input[type=range], [role=slider]')
}

function isControl(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.matches('button, a, summary, input, [role=button], [role=menuitem]')
}
