// Which keys do what for this person: the usual ones of actions.ts, and what was changed, which is kept with the account.
// Reading `keysOf` inside a component or an effect subscribes it.
import { signal, type ReadonlySignal } from '@preact/signals-core'

import { ACTIONS, type Action } from './actions.ts'
import { chordOf, sameChord, type KeyPress } from './chords.ts'

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
  const chord = chordOf(press)
  return chord === null ? null : ACTIONS.find((action) => keysOf(action).some((keys) => sameChord(keys, chord))) ?? null
}
