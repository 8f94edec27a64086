// The words and keys of an action as panels and the help show them.

import { ACTIONS, type Action, type ActionGroup } from '../../annotate/actions.ts'
import { formatKeys } from '../../annotate/keyboard.ts'
import { t } from '../../i18n/text.ts'

export const isMac = (): boolean => /mac|iphone|ipad/i.test(navigator.platform)

export function actionName(action: Action): string {
  const names: Readonly<Record<string, string>> = t().actions
  return names[action.label] ?? action.label
}

/** The first key of an action, or nothing for one without. */
export function actionKey(action: Action): string | null {
  return action.keys.length > 0 ? formatKeys(action.keys[0], isMac()) : null
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
    const last = actions.at(-1)!
    const keys = actions.length === 1
      ? first.keys.map((key) => formatKeys(key, mac))
      : [`${formatKeys(first.keys[0], mac)} – ${formatKeys(last.keys[0], mac)}`]
    groups.set(first.group, [...(groups.get(first.group) ?? []), { name: name(first), keys }])
  }
  return groups
}
