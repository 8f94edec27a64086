// Keyboard and mouse: generated from the list of actions, so that it is never out of date.

import { useState } from 'preact/hooks'
import type { ActionGroup } from '../../annotate/actions.ts'
import { t } from '../../i18n/text.ts'
import { isMac } from '../../viewer/computer.ts'
import { Dialog } from '../dialog.tsx'
import { Icon } from '../icon.tsx'
import { actionName, helpRows, keysIn, type HelpRow } from './action_text.ts'

const GROUPS: readonly ActionGroup[] = ['tools', 'proposal', 'learning', 'edit', 'rounds', 'labels', 'slices', 'window', 'view', 'case']

export function HelpDialog({ onKeys, onClose }: { onKeys: () => void; onClose: () => void }) {
  const [query, setQuery] = useState('')
  const text = t().help
  const rows = helpRows(isMac(), actionName)
  const wanted = query.trim().toLowerCase()
  const fits = (row: HelpRow) => wanted === '' || row.name.toLowerCase().includes(wanted) || row.keys.some((key) => key.toLowerCase() === wanted)
  const mouse: readonly HelpRow[] = Object.values(text.mouseRows).map(([name, gesture]) => ({ name: keysIn(name), keys: [keysIn(gesture)] }))
  const sections = [
    ...GROUPS.map((group) => ({ id: group as string, title: text.groups[group], rows: (rows.get(group) ?? []).filter(fits) })),
    { id: 'mouse', title: text.mouse, rows: mouse.filter(fits) },
  ].filter((section) => section.rows.length > 0)
  return (
    <Dialog title={text.title} broad onClose={onClose} footer={<button type="button" class="button" onClick={onKeys}><Icon name="key" />{text.changeKeys}</button>}>
      <div class="search-field help-search">
        <Icon name="search" size={16} />
        <input class="input" type="search" autoFocus placeholder={text.search} aria-label={text.search} value={query} onInput={(event) => setQuery(event.currentTarget.value)} />
      </div>
      {sections.length === 0 && <p class="soft">{text.none}</p>}
      <div class="help-columns">
        {sections.map(({ id, title, rows: shown }) => (
          <section key={id}>
            <h3>{title}</h3>
            <dl>
              {shown.map((row) => (
                <div key={row.name} class="help-row">
                  <dt>{row.name}</dt>
                  <dd>{row.keys.map((key) => (id === 'mouse' ? <span key={key} class="soft">{key}</span> : <kbd key={key}>{key}</kbd>))}</dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
      </div>
    </Dialog>
  )
}
