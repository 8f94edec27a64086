// Key presses -> actions. Which keys do what is in actions.ts; this file only compares them with events.
import { ACTIONS, isEnabled, type Action } from './actions.ts'
import type { Annotator, PageCommands } from './annotator.ts'

/** What is used of a KeyboardEvent. */
export interface KeyPress {
  readonly key: string
  readonly code: string
  readonly ctrlKey: boolean
  readonly metaKey: boolean
  readonly altKey: boolean
  readonly shiftKey: boolean
  readonly repeat?: boolean
}

/** Digits with Alt or Shift are compared by their place on the keyboard, everything else by what it writes. */
export function matches(keys: string, press: KeyPress): boolean {
  const parts = keys.split('+').filter((part) => part !== '')
  const key = keys.endsWith('+') ? '+' : parts.pop()!
  const modifiers = new Set(keys.endsWith('+') ? [] : parts)
  if (modifiers.has('Ctrl') !== (press.ctrlKey || press.metaKey) || modifiers.has('Alt') !== press.altKey) return false
  if (key.startsWith('Digit')) return press.code === key && modifiers.has('Shift') === press.shiftKey
  if (key === 'Space') return press.code === 'Space' && modifiers.has('Shift') === press.shiftKey
  if (/^[a-z]$/i.test(key)) return press.key.toLowerCase() === key.toLowerCase() && modifiers.has('Shift') === press.shiftKey
  return press.key === key && (key.length === 1 || modifiers.has('Shift') === press.shiftKey) // '?' needs Shift on its own
}

export function actionFor(press: KeyPress): Action | null {
  return ACTIONS.find((action) => action.keys.some((keys) => matches(keys, press))) ?? null
}

/** For a tooltip: 'Ctrl+Shift+Z' as this kind of computer writes it. */
export function formatKeys(keys: string, mac: boolean): string {
  const [key, ...modifiers] = keys === '+' ? ['+'] : keys.split('+').toReversed()
  const plain = key.replace('Digit', '').replace(/^Arrow(.*)$/, (_, way: string) => ({ Up: '↑', Down: '↓', Left: '←', Right: '→' })[way] ?? way)
  const name = plain.length === 1 ? plain.toUpperCase() : plain
  const symbols: Record<string, string> = { Ctrl: '⌘', Alt: '⌥', Shift: '⇧' }
  const names = modifiers.toReversed().map((m) => (mac ? symbols[m] ?? m : m))
  return [...names, name].join(mac ? '' : '+')
}

/** What keys do to a gesture that is going on; each says whether there was one that had a use for it. */
export interface GestureKeys { cancel(): boolean; complete(): boolean; back(): boolean }

/** Listens on the window until the returned function is called. */
export function bindKeys(
  annotator: Annotator, page: PageCommands, target: Window, gesture: GestureKeys,
): () => void {
  const down = (event: KeyboardEvent) => {
    if (event.defaultPrevented || event.isComposing || isTyping(event.target)) return
    const forGesture = { Escape: () => gesture.cancel(), Enter: () => gesture.complete(), Backspace: () => gesture.back() }[event.key]
    if (forGesture?.()) {
      event.preventDefault()
      return
    }
    const action = actionFor(event)
    if (action === null || (isSlider(event.target) && SLIDER_KEYS.has(event.key))) return
    if (isControl(event.target) && (event.code === 'Space' || event.key === 'Enter') && !event.ctrlKey) return // it presses that button
    event.preventDefault() // also when it cannot be done now: Ctrl+S must never open the browser's dialog
    if ((event.repeat && !action.repeats) || !isEnabled(action, annotator)) return
    action.perform(annotator, page)
  }
  const up = (event: KeyboardEvent) => {
    if (event.key === 'Control' || event.key === 'Meta') annotator.askNow()
  }
  target.addEventListener('keydown', down)
  target.addEventListener('keyup', up)
  return () => {
    target.removeEventListener('keydown', down)
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
