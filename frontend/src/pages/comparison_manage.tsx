// What a manager does with a blinded comparison: more readers, closing it, which has no way back, and deleting it.

import { useState } from 'preact/hooks'
import type { Client } from '../api/client.ts'
import type { Comparison } from '../api/comparison_types.ts'
import type { Person } from '../api/project_types.ts'
import type { Problem } from '../api/types.ts'
import { comparisonTexts } from '../i18n/comparisons_text.ts'
import { t } from '../i18n/text.ts'
import { Dialog } from '../panels/dialog.tsx'
import { Icon } from '../panels/icon.tsx'
import { ProblemNotice } from '../panels/problem_notice.tsx'
import { Checks } from './evaluation_fields.tsx'

export interface ComparisonManageProps {
  api: Client
  item: Comparison
  /** Who may judge in this project. */
  people: readonly Person[]
  onChanged: (item: Comparison) => void
  onDeleted: () => void
}

export function ComparisonManage({ api, item, people, onChanged, onDeleted }: ComparisonManageProps) {
  const text = comparisonTexts().manage
  const [asked, setAsked] = useState<'readers' | 'close' | null>(null)
  const [problem, setProblem] = useState<Problem | null>(null)
  const path = `/api/comparisons/${item.id}`
  const open = item.closed_at === null
  const others = people.filter(({ id }) => !item.readers.some(({ reader }) => reader.id === id))

  async function send(asking: Promise<{ data?: Comparison; error?: Problem }>): Promise<void> {
    const answer = await asking
    setProblem(answer.error ?? null)
    if (!answer.data) return
    setAsked(null)
    onChanged(answer.data)
  }
  async function remove(): Promise<void> {
    const answer = await api.delete(path)
    setProblem(answer.error ?? null)
    if (!answer.error) onDeleted()
  }
  return (
    <div class="stack-small">
      {problem && asked === null && <ProblemNotice problem={problem} />}
      <p class="actions-row">
        {open && item.state !== 'failed' && others.length > 0 && <button type="button" class="button quiet" onClick={() => setAsked('readers')}><Icon name="plus" size={16} />{text.addReaders}</button>}
        {open && item.state === 'ready' && <button type="button" class="button quiet" onClick={() => setAsked('close')}><Icon name="check" size={16} />{text.close}</button>}
        <button type="button" class="button quiet" onClick={() => void remove()}><Icon name="trash" size={16} />{text.delete}</button>
      </p>
      {asked === 'readers' && <AddReaders people={others} problem={problem} onClose={() => setAsked(null)} onAdd={(ids) => send(api.post<Comparison>(`${path}/readers`, { json: { reader_ids: ids } }))} />}
      {asked === 'close' && (
        <Dialog title={text.closeTitle(item.name)} onClose={() => setAsked(null)} footer={<>
          <button type="button" class="button" onClick={() => setAsked(null)}>{t().common.cancel}</button>
          <button type="button" class="button primary" onClick={() => void send(api.post<Comparison>(`${path}/close`))}>{text.close}</button>
        </>}>
          <p>{text.closeDetail(said(item), item.pairs * item.readers.length)}</p>
          {problem && <ProblemNotice problem={problem} />}
        </Dialog>
      )}
    </div>
  )
}

interface AddReadersProps { people: readonly Person[]; problem: Problem | null; onClose: () => void; onAdd: (ids: readonly string[]) => Promise<void> }

function AddReaders({ people, problem, onClose, onAdd }: AddReadersProps) {
  const text = comparisonTexts().manage
  const [chosen, setChosen] = useState<readonly string[]>([])
  return (
    <Dialog title={text.addReaders} onClose={onClose} onSubmit={() => { if (chosen.length > 0) void onAdd(chosen) }} footer={<>
      <button type="button" class="button" onClick={onClose}>{t().common.cancel}</button>
      <button class="button primary" disabled={chosen.length === 0}>{text.add}</button>
    </>}>
      <p class="soft">{text.addDetail}</p>
      <Checks legend={comparisonTexts().readers} options={people.map(({ id, name }) => ({ value: id, name }))} chosen={chosen} onChange={setChosen} />
      {problem && <ProblemNotice problem={problem} />}
    </Dialog>
  )
}

/** Stands where a comparison was, until the page is left. */
export function DeletedComparison({ api, item, onRestored }: { api: Client; item: Comparison; onRestored: (item: Comparison) => void }) {
  const text = comparisonTexts().manage
  const [problem, setProblem] = useState<Problem | null>(null)
  async function restore(): Promise<void> {
    const answer = await api.post<Comparison>(`/api/comparisons/${item.id}/restore`)
    setProblem(answer.error ?? null)
    if (answer.data) onRestored(answer.data)
  }
  return (
    <section class="card pad stack-small" aria-label={item.name}>
      <p role="status">{text.deleted(item.name)} <span class="soft">{text.deletedDetail(said(item))}</span></p>
      {problem && <ProblemNotice problem={problem} />}
      <p class="actions-row"><button type="button" class="button" onClick={() => void restore()}><Icon name="undo" size={16} />{text.restore}</button></p>
    </section>
  )
}

const said = (item: Comparison): number => item.readers.reduce((sum, { judged }) => sum + judged, 0)
