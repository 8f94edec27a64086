// Every command by name: type a part of it, choose with the arrow keys, Enter does it. What cannot be done now comes last,
// so that one finds it and sees its key.

import { useState } from 'preact/hooks'
import { ACTIONS, isEnabled, type Action } from '../../annotate/actions.ts'
import type { Annotator, PageCommands } from '../../annotate/annotator.ts'
import { t } from '../../i18n/text.ts'
import { Dialog } from '../dialog.tsx'
import { Icon } from '../icon.tsx'
import { stepFrom } from '../menu.tsx'
import { actionKey, commandName } from './action_text.ts'
import { found } from './command_search.ts'

export function CommandPalette({ annotator, page, onClose }: { annotator: Annotator; page: PageCommands; onClose: () => void }) {
  const [query, setQuery] = useState('')
  const [chosen, setChosen] = useState(0)
  const text = t().help
  const commands = ACTIONS.filter((action) => action.id !== 'case.palette')
    .map((action) => ({ action, name: commandName(action, annotator), enabled: isEnabled(action, annotator) }))
  const wanted = found(commands, query)
  const shown = [...wanted.filter(({ enabled }) => enabled), ...wanted.filter(({ enabled }) => !enabled)]
  const at = Math.min(chosen, shown.length - 1)

  function perform(action: Action): void {
    onClose()
    action.perform(annotator, page)
  }
  function onKeyDown(event: KeyboardEvent): void {
    if (event.isComposing) return
    if (event.key === 'Enter' && shown[at]?.enabled) perform(shown[at].action)
    else if (event.key !== 'Enter') {
      const next = event.key.startsWith('Arrow') ? stepFrom(at, event.key, shown.length) : null
      if (next === null) return
      setChosen(next)
      document.getElementById(idOf(next))?.scrollIntoView({ block: 'nearest' })
    }
    event.preventDefault()
  }
  return (
    <Dialog title={t().actions['action.palette']} onClose={onClose}>
      <div class="search-field help-search">
        <Icon name="search" size={16} />
        <input class="input" type="text" autoFocus role="combobox" aria-expanded="true" aria-controls="commands" aria-activedescendant={idOf(at)}
          placeholder={text.search} aria-label={text.search} value={query} onKeyDown={onKeyDown}
          onInput={(event) => { setQuery(event.currentTarget.value); setChosen(0) }} />
      </div>
      {shown.length === 0 && <p class="soft">{text.noCommand}</p>}
      <ul id="commands" class="commands" role="listbox" aria-label={t().actions['action.palette']}>
        {shown.map(({ action, name, enabled }, n) => (
          <li key={action.id} id={idOf(n)} role="option" aria-selected={n === at} aria-disabled={!enabled} onClick={() => { if (enabled) perform(action) }}>
            <span>{name}</span><span class="soft">{enabled ? text.groups[action.group] : text.notNow}</span>{actionKey(action) && <kbd>{actionKey(action)}</kbd>}
          </li>
        ))}
      </ul>
    </Dialog>
  )
}

const idOf = (n: number) => `command-${n}`
