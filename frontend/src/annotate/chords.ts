// Keys as text, like 'Ctrl+Shift+Z', 'd', '?', 'ArrowUp', 'Alt+Digit1': compared with presses, made from them, and written
// for people. Ctrl is Cmd on a Mac.

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

/** The key, then its modifiers from the last to the first; '+' is a key too. */
function partsOf(keys: string): readonly string[] {
  return keys.endsWith('+') ? ['+', ...keys.slice(0, -1).split('+').filter((part) => part !== '').toReversed()] : keys.split('+').toReversed()
}

/** Digits with Alt or Shift are compared by their place on the keyboard, everything else by what it writes. */
export function matches(keys: string, press: KeyPress): boolean {
  const [key, ...others] = partsOf(keys)
  const modifiers = new Set(others)
  if (modifiers.has('Ctrl') !== (press.ctrlKey || press.metaKey) || modifiers.has('Alt') !== press.altKey) return false
  if (key.startsWith('Digit')) return press.code === key && modifiers.has('Shift') === press.shiftKey
  if (key === 'Space') return press.code === 'Space' && modifiers.has('Shift') === press.shiftKey
  if (/^[a-z]$/i.test(key)) return press.key.toLowerCase() === key.toLowerCase() && modifiers.has('Shift') === press.shiftKey
  return press.key === key && (key.length === 1 || modifiers.has('Shift') === press.shiftKey) // '?' needs Shift on its own
}

const MODIFIERS: ReadonlySet<string> = new Set(['Control', 'Shift', 'Alt', 'Meta', 'AltGraph'])

/** The chord that this press is, or null while only modifiers are down. */
export function chordOf(press: KeyPress): string | null {
  if (MODIFIERS.has(press.key)) return null
  const digit = /^Digit\d$/.test(press.code) && (press.altKey || press.shiftKey)
  const key = digit || press.code === 'Space' ? press.code : /^[a-z]$/i.test(press.key) ? press.key.toLowerCase() : press.key
  const shift = press.shiftKey && (digit || key.length > 1 || /^[a-z]$/.test(key)) // '?' needs Shift on its own
  return [press.ctrlKey || press.metaKey ? 'Ctrl' : '', shift ? 'Shift' : '', press.altKey ? 'Alt' : '', key].filter((part) => part !== '').join('+')
}

/** For a tooltip: 'Ctrl+Shift+Z' as this kind of computer writes it. */
export function formatKeys(keys: string, mac: boolean): string {
  const [key, ...modifiers] = partsOf(keys)
  const plain = key.replace('Digit', '').replace(/^Arrow(.*)$/, (_, way: string) => ({ Up: '↑', Down: '↓', Left: '←', Right: '→' })[way] ?? way)
  const name = plain.length === 1 ? plain.toUpperCase() : plain
  const symbols: Record<string, string> = { Ctrl: '⌘', Alt: '⌥', Shift: '⇧' }
  const names = modifiers.toReversed().map((m) => (mac ? symbols[m] ?? m : m))
  return [...names, name].join(mac ? '' : '+')
}
