// Which key does what, to be changed: choose a command, press the new key. A key that another command has is taken over
// only when the person says so.

import { useState } from 'preact/hooks'
import { ACTIONS, type Action } from '../../annotate/actions.ts'
import type { Annotator } from '../../annotate/annotator.ts'
import { chordOf, formatKeys } from '../../annotate/chords.ts'
import { holderOf, storeKeys, withKey, withUsual } from '../../annotate/key_changes.ts'
import { keyChanges, keysOf, type KeyChanges } from '../../annotate/keymap.ts'
import type { Client } from '../../api/client.ts'
import type { Problem } from '../../api/types.ts'
import { t } from '../../i18n/text.ts'
import { isMac } from '../../viewer/computer.ts'
import { Dialog } from '../dialog.tsx'
import { Icon } from '../icon.tsx'
import { ProblemNotice } from '../problem_notice.tsx'
import { commandName } from './action_text.ts'
import { found } from './command_search.ts'

export function KeysDialog({ api, annotator, onClose }: { api: Client; annotator: Annotator; onClose: () => void }) {
  const [query, setQuery] = useState('')
  const [waiting, setWaiting] = useState<Action | null>(null)
  const [wanted, setWanted] = useState<{ action: Action; chord: string; holder: Action } | null>(null)
  const [problem, setProblem] = useState<Problem | null>(null)
  const text = t().help
  const shown = found(ACTIONS.map((action) => ({ action, name: commandName(action, annotator) })), query)
  const changed = keyChanges.value

  async function store(changes: KeyChanges): Promise<void> {
    setWaiting(null)
    setWanted(null)
    setProblem(await storeKeys(api, changes))
  }
  function onKeyDown(event: KeyboardEvent, action: Action): void {
    if (waiting !== action) return
    if (event.key === 'Tab') return setWaiting(null)
    event.preventDefault()
    event.stopPropagation()
    if (event.key === 'Escape') return setWaiting(null)
    const chord = chordOf(event)
    if (chord === null) return
    const holder = holderOf(chord, action)
    if (holder === null) void store(withKey(changed, action, chord))
    else {
      setWaiting(null)
      setWanted({ action, chord, holder })
    }
  }
  return (
    <Dialog title={text.keysTitle} broad onClose={onClose}
      footer={<button type="button" class="button" disabled={Object.keys(changed).length === 0} onClick={() => void store({})}>{text.allUsual}</button>}>
      <p class="soft">{text.keysDetail}</p>
      <div class="search-field help-search">
        <Icon name="search" size={16} />
        <input class="input" type="search" autoFocus placeholder={text.search} aria-label={text.search} value={query} onInput={(event) => setQuery(event.currentTarget.value)} />
      </div>
      {problem && <ProblemNotice problem={problem} />}
      <ul class="commands keys">
        {shown.map(({ action, name }) => (
          <li key={action.id}>
            <span>{name}</span>
            {changed[action.id] && <button type="button" class="button quiet" onClick={() => void store(withUsual(changed, action))}>{text.usualKey}</button>}
            <button type="button" class="key-button" aria-label={text.changeKey(name)} aria-pressed={waiting === action}
              onClick={() => { setWanted(null); setWaiting(action) }} onBlur={() => setWaiting(null)} onKeyDown={(event) => onKeyDown(event, action)}>
              {waiting === action ? text.pressKey : keysOf(action).length === 0 ? <span class="soft">{text.noKey}</span>
                : keysOf(action).map((chord) => <kbd key={chord}>{formatKeys(chord, isMac())}</kbd>)}
            </button>
            {wanted?.action === action && (
              <p class="taken" role="alert">
                <Icon name="warning" size={16} />{text.takenBy(formatKeys(wanted.chord, isMac()), commandName(wanted.holder, annotator))}
                <button type="button" class="button" onClick={() => void store(withKey(changed, action, wanted.chord))}>{text.takeOver}</button>
              </p>
            )}
          </li>
        ))}
      </ul>
    </Dialog>
  )
}
