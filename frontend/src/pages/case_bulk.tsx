// What can be done with many cases at once: assign and deal, priority, due date, states; and what was refused, with why.

import { useId, useState } from 'preact/hooks'
import type { CaseFilter, CasesChanged, CasesPatch, CaseState, Member } from '../api/project_types.ts'
import type { Problem } from '../api/types.ts'
import { inPageLanguage } from '../i18n/problems.ts'
import { team } from '../i18n/team.ts'
import { t } from '../i18n/text.ts'
import { Dialog } from '../panels/dialog.tsx'
import { Icon } from '../panels/icon.tsx'
import { Menu } from '../panels/menu.tsx'
import { ProblemNotice } from '../panels/problem_notice.tsx'
import { useApp } from './app_state.ts'
import { may } from './permissions.ts'

/** Cases chosen one by one, or all that match the filter. */
export type Selection = { readonly ids: ReadonlySet<string> } | 'matching'

export interface CaseBulkProps {
  projectId: string
  role: string
  selection: Selection
  filter: CaseFilter
  members: readonly Member[]
  onSelectMatching: () => void
  onClear: () => void
  /** Something changed: the list is to be read again. */
  onChanged: () => void
}

const DECISIONS: readonly CaseState[] = ['accepted', 'returned']
const PRIORITIES = { high: 1, normal: 0, low: -1 } as const
const MOST_SHOWN = 5
const READER_COUNTS = [1, 2, 3, 4, 5]

export function CaseBulk({ projectId, role, selection, filter, members, onSelectMatching, onClear, onChanged }: CaseBulkProps) {
  const { api, toasts } = useApp()
  const text = team().cases
  const [dialog, setDialog] = useState<'assign' | 'due' | 'test' | null>(null)
  const [busy, setBusy] = useState(false)
  const [problem, setProblem] = useState<Problem | null>(null)
  const [refused, setRefused] = useState<CasesChanged['refused']>([])
  const everything = selection === 'matching'
  const what = everything ? text.assignMatching : text.assignCount(selection.ids.size)

  async function apply(change: Partial<CasesPatch>): Promise<void> {
    setBusy(true)
    const chosen = everything ? { filter } : { cases: [...selection.ids] }
    const answer = await api.patch<CasesChanged>(`/api/projects/${projectId}/cases`, { json: { ...chosen, ...change } })
    setBusy(false)
    setProblem(answer.error ?? null)
    if (answer.error) return
    setDialog(null)
    setRefused(answer.data.refused)
    toasts.say(text.changed(answer.data.changed))
    onChanged()
  }
  return (
    <div class="bulk" role="region" aria-label={text.selected(everything ? 0 : selection.ids.size)}>
      <div class="bulk-bar">
        <strong aria-live="polite">{everything ? text.selectedAll : text.selected(selection.ids.size)}</strong>
        {!everything && <button type="button" class="button quiet" onClick={onSelectMatching}>{text.selectMatching}</button>}
        <button type="button" class="button quiet" onClick={onClear}>{text.clear}</button>
        <span class="grow-all" />
        {busy && <span class="spinner" />}
        {may(role, 'manage') && (
          <>
            <button type="button" class="button" disabled={busy} onClick={() => setDialog('assign')}><Icon name="user" size={16} />{text.assign}</button>
            <Menu label={text.setPriority} buttonClass="button" disabled={busy} button={<>{text.setPriority}<Icon name="down" size={16} /></>}>
              {(Object.keys(PRIORITIES) as Array<keyof typeof PRIORITIES>).map((name) => (
                <button key={name} type="button" role="menuitem" onClick={() => void apply({ priority: PRIORITIES[name] })}>{text.priorities[name]}</button>
              ))}
            </Menu>
            <button type="button" class="button" disabled={busy} onClick={() => setDialog('due')}>{text.setDue}</button>
            <Menu label={text.gold} buttonClass="button" disabled={busy} button={<>{text.gold}<Icon name="down" size={16} /></>}>
              <button type="button" role="menuitem" onClick={() => void apply({ gold: true })}>{text.goldMark}</button>
              <button type="button" role="menuitem" onClick={() => void apply({ gold: false })}>{text.goldUnmark}</button>
              <button type="button" role="menuitem" onClick={() => setDialog('test')}>{text.goldTest}</button>
            </Menu>
            <button type="button" class="button" disabled={busy} title={text.textCheckedHint} onClick={() => void apply({ text_checked: true })}>{text.textChecked}</button>
          </>
        )}
        <Menu label={t().project.state} buttonClass="button" disabled={busy} button={<>{t().project.state}<Icon name="down" size={16} /></>}>
          {DECISIONS.map((state) => <button key={state} type="button" role="menuitem" onClick={() => void apply({ state })}>{t().project.moves[state]}</button>)}
        </Menu>
      </div>
      {problem && <ProblemNotice problem={problem} />}
      {refused.length > 0 && (
        <div class="notice" role="status">
          <Icon name="warning" />
          <div>
            <h3>{text.refusedTitle(refused.length)}</h3>
            <ul>{refused.slice(0, MOST_SHOWN).map(inPageLanguage).map((item) => <li key={item.case_id}><strong>{item.name}</strong>: {item.detail} <span class="soft">{item.hint}</span></li>)}</ul>
            {refused.length > MOST_SHOWN && <p class="faint">{text.andMore(refused.length - MOST_SHOWN)}</p>}
          </div>
        </div>
      )}
      {dialog === 'assign' && <AssignDialog what={what} members={members} onClose={() => setDialog(null)} onAssign={(people, readers) => void apply({ assign_to: people, readers })} />}
      {dialog === 'test' && <TestDialog what={what} members={members} onClose={() => setDialog(null)} onTest={(people) => void apply({ test: people })} />}
      {dialog === 'due' && <DueDialog what={what} onClose={() => setDialog(null)} onDate={(date) => void apply(date ? { due_on: date } : { clear_due: true })} />}
    </div>
  )
}

interface AssignDialogProps {
  what: string
  members: readonly Member[]
  onClose: () => void
  /** `readers`: how many read each case; more than one do so blind. */
  onAssign: (people: string[], readers: number) => void
}

function AssignDialog({ what, members, onClose, onAssign }: AssignDialogProps) {
  const text = team().cases
  const [chosen, setChosen] = useState<readonly string[]>([])
  const [readers, setReaders] = useState(1)
  const id = useId()
  const annotators = members.filter(({ role }) => (readers > 1 ? role === 'annotator' : may(role, 'annotate')))
  const picked = chosen.filter((person) => annotators.some(({ user }) => user.id === person))
  const footer = (
    <>
      <button type="button" class="button quiet" onClick={() => onAssign([], 1)}>{text.unassign}</button>
      <span class="grow-all" />
      <button type="button" class="button" onClick={onClose}>{t().common.cancel}</button>
      <button class="button primary" disabled={picked.length < readers}>{text.assignSubmit}</button>
    </>
  )
  return (
    <Dialog title={text.assignTitle(what)} onClose={onClose} onSubmit={() => onAssign(picked, readers)} footer={footer}>
      <div class="field">
        <label class="name" for={id}>{text.readers}</label>
        <select id={id} class="select" value={readers} onChange={(event) => setReaders(Number(event.currentTarget.value))}>
          {READER_COUNTS.map((count) => <option key={count} value={count}>{text.readersOption(count)}</option>)}
        </select>
      </div>
      <p class="soft">{annotators.length === 0 ? text.assignNobody : readers > 1 ? text.assignBlind(readers) : text.assignDetail}</p>
      <People members={annotators} chosen={picked} onChosen={setChosen} />
    </Dialog>
  )
}

function People({ members, chosen, onChosen }: { members: readonly Member[]; chosen: readonly string[]; onChosen: (people: readonly string[]) => void }) {
  return (
    <ul class="assign-choices">
      {members.map(({ user }) => (
        <li key={user.id}>
          <label class="check">
            <input type="checkbox" checked={chosen.includes(user.id)}
              onChange={(event) => onChosen(event.currentTarget.checked ? [...chosen, user.id] : chosen.filter((id) => id !== user.id))} />
            {user.name}<span class="faint">{user.email}</span>
          </label>
        </li>
      ))}
    </ul>
  )
}

function TestDialog({ what, members, onClose, onTest }: { what: string; members: readonly Member[]; onClose: () => void; onTest: (people: string[]) => void }) {
  const text = team().cases
  const [chosen, setChosen] = useState<readonly string[]>([])
  const footer = (
    <>
      <span class="grow-all" />
      <button type="button" class="button" onClick={onClose}>{t().common.cancel}</button>
      <button class="button primary" disabled={chosen.length === 0}>{text.testSubmit}</button>
    </>
  )
  return (
    <Dialog title={text.testTitle(what)} onClose={onClose} onSubmit={() => onTest([...chosen])} footer={footer}>
      <p class="soft">{text.testDetail}</p>
      <People members={members.filter(({ role }) => role === 'annotator')} chosen={chosen} onChosen={setChosen} />
    </Dialog>
  )
}

function DueDialog({ what, onClose, onDate }: { what: string; onClose: () => void; onDate: (date: string | null) => void }) {
  const text = team().cases
  const [date, setDate] = useState('')
  const id = useId()
  const footer = (
    <>
      <button type="button" class="button quiet" onClick={() => onDate(null)}>{text.dueClear}</button>
      <span class="grow-all" />
      <button type="button" class="button" onClick={onClose}>{t().common.cancel}</button>
      <button class="button primary" disabled={date === ''}>{text.dueSubmit}</button>
    </>
  )
  return (
    <Dialog title={text.dueTitle(what)} onClose={onClose} onSubmit={() => onDate(date)} footer={footer}>
      <div class="field">
        <label class="name" for={id}>{text.setDue}</label>
        <input id={id} class="input" type="date" autoFocus value={date} onInput={(event) => setDate(event.currentTarget.value)} />
      </div>
    </Dialog>
  )
}
