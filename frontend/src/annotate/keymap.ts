// Which keys do what for this person: the usual ones of actions.ts, and what was changed, which is kept with the account.
// Reading `keysOf` inside a component or an effect subscribes it.
import { signal, type ReadonlySignal } from '@preact/signals-core'

import type { Client } from '../api/client.ts'
import type { Me, Problem } from '../api/types.ts'
import { ACTIONS, type Action } from './actions.ts'
import { matches, type KeyPress } from './chords.ts'

/** Command id -> its keys, in place of the usual ones. */
export type KeyChanges = Readonly<Record<string, readonly string[]>>

const changes = signal<KeyChanges>({})
export const keyChanges: ReadonlySignal<KeyChanges> = changes

/** Shows these changes; nothing is stored. */
export function showKeys(changed: KeyChanges): void {
  changes.value = changed
}

export function keysOf(action: Action, among: KeyChanges = changes.value): readonly string[] {
  return among[action.id] ?? action.keys
}

export function actionFor(press: KeyPress): Action | null {
  return ACTIONS.find((action) => keysOf(action).some((keys) => matches(keys, press))) ?? null
}

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
  const before = changes.value
  changes.value = changed
  const { error } = await api.patch<Me>('/api/me', { json: { keys: changed }, idempotent: true })
  if (error) changes.value = before
  return error ?? null
}

/** 'z' and 'Z' are one key; Shift is said apart. */
function sameChord(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase()
}

function withoutUsual(changed: KeyChanges): KeyChanges {
  const usual = new Map(ACTIONS.map((action) => [action.id, action.keys]))
  return Object.fromEntries(Object.entries(changed).filter(([id, keys]) => usual.get(id)?.join(' ') !== keys.join(' ')))
}
