// Keys as text, like 'Ctrl+Shift+Z', 'd', '?', 'ArrowUp', 'Alt+Digit1': compared with presses, made from them, and written
// for people. Ctrl is Cmd on a Mac. Modifiers stand in the order Ctrl, Shift, Alt.

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

const MODIFIERS: ReadonlySet<string> = new Set(['Control', 'Shift', 'Alt', 'Meta', 'AltGraph'])

/** The chord that this press is, or null while only modifiers are down. Digits with Alt or Shift are named by their place on
 *  the keyboard, everything else by what it writes; '?' needs Shift on its own, and is no chord with Shift. */
export function chordOf(press: KeyPress): string | null {
  if (MODIFIERS.has(press.key)) return null
  if (isWrittenByAltGr(press)) return press.key
  const digit = /^Digit\d$/.test(press.code) && (press.altKey || press.shiftKey)
  const key = digit || press.code === 'Space' ? press.code : letterOf(press) ?? press.key
  const shift = press.shiftKey && (digit || key.length > 1 || /^[a-z]$/.test(key))
  return [press.ctrlKey || press.metaKey ? 'Ctrl' : '', shift ? 'Shift' : '', press.altKey ? 'Alt' : '', key].filter((part) => part !== '').join('+')
}

/** Where no Latin letter is written (another alphabet, an input method that waits; on a Mac, Alt+P writes π and Alt+E nothing
 *  yet), the place of the key on the keyboard tells which one is meant. */
function letterOf({ key, code }: KeyPress): string | null {
  if (/^[a-z]$/i.test(key)) return key.toLowerCase()
  const foreign = key === 'Dead' || key === 'Process' || (key.length === 1 && key > '~')
  return foreign && /^Key[A-Z]$/.test(code) ? code.slice(3).toLowerCase() : null
}

/** Many keyboards write brackets with AltGr, which says that Ctrl and Alt are down. */
function isWrittenByAltGr({ key, ctrlKey, altKey }: KeyPress): boolean {
  return ctrlKey && altKey && /^[!-~]$/.test(key) && !/^[a-z0-9]$/i.test(key)
}

export function matches(keys: string, press: KeyPress): boolean {
  const chord = chordOf(press)
  return chord !== null && sameChord(keys, chord)
}

/** 'z' and 'Z' are one key; Shift is said apart. */
export function sameChord(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase()
}

const ON_MAC: Readonly<Record<string, string>> = { Ctrl: '⌘', Alt: '⌥', Shift: '⇧', Enter: '↩', Backspace: '⌫', Delete: '⌦', Escape: 'esc' }
/** As Macs order them. */
const MAC_ORDER = ['Alt', 'Shift', 'Ctrl']

/** For a tooltip: 'Ctrl+Shift+Z' as this kind of computer writes it. */
export function formatKeys(keys: string, mac: boolean): string {
  const [key, ...modifiers] = partsOf(keys)
  const plain = key.replace('Digit', '').replace(/^Arrow(.*)$/, (_, way: string) => ({ Up: '↑', Down: '↓', Left: '←', Right: '→' })[way] ?? way)
  const name = plain.length === 1 ? plain.toUpperCase() : plain
  if (!mac) return [...modifiers.toReversed(), name].join('+')
  return MAC_ORDER.filter((modifier) => modifiers.includes(modifier)).map((modifier) => ON_MAC[modifier]).join('') + (ON_MAC[name] ?? name)
}

/** A sentence that names keys, as this kind of computer writes them. */
export function withKeysOf(mac: boolean, sentence: string): string {
  return mac ? sentence.replace(/\b(Ctrl|Alt|Shift)\b/g, (key) => ON_MAC[key]) : sentence
}
