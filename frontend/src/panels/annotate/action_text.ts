// The words and keys of an action as panels and the help show them.

import { ACTIONS, labelOfKey, type Action, type ActionGroup } from '../../annotate/actions.ts'
import type { Annotator } from '../../annotate/annotator.ts'
import { formatKeys, withKeysOf } from '../../annotate/chords.ts'
import { keysOf } from '../../annotate/keymap.ts'
import { t } from '../../i18n/text.ts'
import { isMac } from '../../viewer/computer.ts'
import { presetName } from './preset_key.ts'

/** A sentence of the catalogue with the keys as they are written on this computer. */
export const keysIn = (sentence: string): string => withKeysOf(isMac(), sentence)

export function actionName(action: Action): string {
  const names: Readonly<Record<string, string>> = t().actions
  return keysIn(names[action.label] ?? action.label)
}

/** With what it is one of several of: "Choose a label: Liver". */
export function commandName(action: Action, annotator: Annotator): string {
  const { number } = action
  if (number === undefined) return actionName(action)
  const plane = annotator.planes[number]?.plane, preset = annotator.presets[number]
  const which = action.group === 'labels' ? labelOfKey(annotator, number)?.name
    : action.group === 'slices' ? plane && t().annotate[plane]
    : action.group === 'view' ? annotator.panes.companions.others[number]?.name : preset && presetName(preset)
  return `${actionName(action)}: ${which ?? number + 1}`
}

/** The first key of an action, or nothing for one without. */
export function actionKey(action: Action): string | null {
  const [first] = keysOf(action)
  return first === undefined ? null : formatKeys(first, isMac())
}

/** For a tooltip: "Brush (B)". */
export function actionTip(action: Action): string {
  const key = actionKey(action)
  return key ? `${actionName(action)} (${key})` : actionName(action)
}

export interface HelpRow { readonly name: string; readonly keys: readonly string[] }

/** All actions by group; numbered ones (labels 1 to 9, presets, planes) are one row with the first and the last key. */
export function helpRows(mac: boolean, name: (action: Action) => string): ReadonlyMap<ActionGroup, readonly HelpRow[]> {
  const groups = new Map<ActionGroup, HelpRow[]>()
  const byLabel = new Map<string, Action[]>()
  for (const action of ACTIONS) byLabel.set(action.label, [...(byLabel.get(action.label) ?? []), action])
  for (const actions of byLabel.values()) {
    const [first] = actions
    const shown = (chord: string) => formatKeys(chord, mac)
    const own = actions.map((action) => keysOf(action)[0]).filter((chord) => chord !== undefined).map(shown)
    const usual = actions.every((action) => keysOf(action) === action.keys)
    const keys = actions.length === 1 ? keysOf(first).map(shown) : usual ? [`${own[0]} – ${own.at(-1)}`] : own
    groups.set(first.group, [...(groups.get(first.group) ?? []), { name: name(first), keys }])
  }
  return groups
}
