// Changing which keys do what: who has a key, giving it to another command, the usual ones again, and keeping it all with
// the account. What holds now is keymap.ts.
import type { Client } from '../api/client.ts'
import type { Me, Problem } from '../api/types.ts'
import { ACTIONS, type Action } from './actions.ts'
import { sameChord } from './chords.ts'
import { keyChanges, keysOf, showKeys, type KeyChanges } from './keymap.ts'

/** Who else has this key. */
export function holderOf(chord: string, besides: Action): Action | null {
  return ACTIONS.find((action) => action !== besides && keysOf(action).some((keys) => sameChord(keys, chord))) ?? null
}

/** Gives the chord to a command, in place of its other keys; whoever had it loses it. */
export function withKey(before: KeyChanges, action: Action, chord: string): KeyChanges {
  const freed = ACTIONS.filter((other) => other !== action && keysOf(other, before).some((keys) => sameChord(keys, chord)))
  const taken = Object.fromEntries(freed.map((other) => [other.id, keysOf(other, before).filter((keys) => !sameChord(keys, chord))]))
  return withoutUsual({ ...before, ...taken, [action.id]: [chord] })
}

/** Its usual keys again, as far as nobody else has them now. */
export function withUsual(before: KeyChanges, action: Action): KeyChanges {
  const rest = { ...before }
  delete rest[action.id]
  const free = action.keys.filter((chord) => !ACTIONS.some((other) => other !== action && keysOf(other, rest).some((keys) => sameChord(keys, chord))))
  return withoutUsual({ ...rest, [action.id]: free })
}

/** Stores the changes with the account; they hold from now on here too. Null when that is done. */
export async function storeKeys(api: Client, changed: KeyChanges): Promise<Problem | null> {
  const before = keyChanges.peek()
  showKeys(changed)
  const { error } = await api.patch<Me>('/api/me', { json: { keys: changed }, idempotent: true })
  if (error) showKeys(before)
  return error ?? null
}

function withoutUsual(changed: KeyChanges): KeyChanges {
  const usual = new Map(ACTIONS.map((action) => [action.id, action.keys]))
  return Object.fromEntries(Object.entries(changed).filter(([id, keys]) => usual.get(id)?.join(' ') !== keys.join(' ')))
}
