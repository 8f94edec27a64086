// Whether what was accepted has reached the server, in the top bar; when a person has to decide, the choices are behind it.

import { useState } from 'preact/hooks'
import type { Annotator, SavingState } from '../../annotate/annotator.ts'
import { t } from '../../i18n/text.ts'
import { Icon } from '../icon.tsx'
import { Menu } from '../menu.tsx'

export function SavingStateView({ annotator }: { annotator: Annotator }) {
  const text = t().annotate
  const state = annotator.saving.value
  if (state.kind === 'conflict') return <Conflict annotator={annotator} state={state} />
  if (state.kind === 'refused') {
    return (
      <Menu label={text.notSaved} buttonClass="button saving-button" align="left" button={<><Icon name="warning" />{text.notSaved}<Icon name="down" size={16} /></>}>
        <div class="caption">{[state.problem.title, state.problem.detail, state.problem.hint].filter(Boolean).join(' ')}</div>
        <button type="button" role="menuitem" onClick={() => annotator.flush()}><Icon name="retry" />{t().common.retry}</button>
      </Menu>
    )
  }
  return <span class="saving" role="status" title={savingDetail(state)}>{savingIcon(state)}{savingWord(state)}</span>
}

function Conflict({ annotator, state }: { annotator: Annotator; state: Extract<SavingState, { kind: 'conflict' }> }) {
  const text = t().annotate
  const [theirs, setTheirs] = useState<ReadonlySet<number>>(new Set())
  const label = annotator.labels.value.find(({ id }) => id === state.labelId)
  function choose(slice: number, other: boolean): void {
    const next = new Set(theirs)
    if (other) next.add(slice)
    else next.delete(slice)
    setTheirs(next)
  }
  return (
    <Menu label={text.conflict} buttonClass="button saving-button" align="left" button={<><Icon name="warning" />{text.conflict}<Icon name="down" size={16} /></>}>
      <div class="caption">{text.conflictDetail(label?.name ?? '', state.contested.map((slice) => slice + 1).join(', '))}</div>
      <button type="button" role="menuitem" onClick={() => annotator.resolveConflict('mine')}>{text.conflictMine}</button>
      <button type="button" role="menuitem" onClick={() => annotator.resolveConflict('theirs')}>{text.conflictTheirs}</button>
      {state.contested.length > 1 && <hr />}
      {state.contested.length > 1 && <div class="caption">{text.conflictBySlice}</div>}
      {state.contested.map((slice) => (
        <div key={slice} class="contested">
          <button type="button" class="button quiet small" onClick={() => void annotator.lookAtConflict(slice)}><Icon name="eye" size={16} />{text.slice} {slice + 1}</button>
          {state.contested.length > 1 && (
            <label><input type="checkbox" checked={theirs.has(slice)} onChange={(event) => choose(slice, event.currentTarget.checked)} />{text.conflictOther}</label>
          )}
        </div>
      ))}
      {state.contested.length > 1 && <button type="button" role="menuitem" onClick={() => annotator.resolveConflict(theirs)}>{text.conflictMerge}</button>}
    </Menu>
  )
}

function savingIcon(state: SavingState) {
  if (state.kind === 'saved') return <Icon name="check" size={16} />
  if (state.kind === 'offline') return <Icon name="offline" size={16} />
  return <span class="spinner" />
}

function savingWord(state: SavingState): string {
  const text = t().annotate
  if (state.kind === 'saved') return text.saved
  return state.kind === 'offline' ? text.keptHere(state.pending) : text.saving
}

function savingDetail(state: SavingState): string {
  const text = t().annotate
  return state.kind === 'offline' ? text.offlineDetail : text.savedDetail
}
