// One action as an icon button: name and key in the tooltip, pressed when it is on, grey when it cannot be done.

import { isEnabled, type Action } from '../../annotate/actions.ts'
import type { Annotator, PageCommands } from '../../annotate/annotator.ts'
import { keysOf } from '../../annotate/keymap.ts'
import { Icon, type IconName } from '../icon.tsx'
import { actionName, actionTip } from './action_text.ts'

export interface ActionProps { action: Action; icon: IconName; annotator: Annotator; page: PageCommands }

export function ActionButton({ action, icon, annotator, page }: ActionProps) {
  return (
    <button type="button" class="icon-button" aria-label={actionName(action)} title={actionTip(action)}
      aria-pressed={action.active ? action.active(annotator) : undefined}
      aria-keyshortcuts={keysOf(action)[0]} disabled={!isEnabled(action, annotator)}
      onClick={() => action.perform(annotator, page)}>
      <Icon name={icon} />
    </button>
  )
}

/** Keeps the focus where it was (the picture) when a button is pressed with the pointer; the keyboard is not affected. */
export function keepFocus(event: Event): void {
  if ((event.target as Element).closest('button')) event.preventDefault()
}
