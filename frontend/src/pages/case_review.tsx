// At the top of an open case: whose masks a reviewer looks at, the decision, and the way to the comments.

import { useEffect, useState } from 'preact/hooks'
import type { Annotator } from '../annotate/annotator.ts'
import type { Client } from '../api/client.ts'
import type { Case, CaseState, Project, Reader, Thread } from '../api/project_types.ts'
import type { Page } from '../api/types.ts'
import { team } from '../i18n/team.ts'
import { t } from '../i18n/text.ts'
import { Icon } from '../panels/icon.tsx'
import { CaseComments } from './case_comments.tsx'
import { CaseCompare } from './case_compare.tsx'
import { movesOf } from './case_moves.ts'
import { may } from './permissions.ts'
import { useLoaded } from './use_loaded.ts'

export interface CaseReviewProps {
  api: Client
  annotator: Annotator
  item: Case
  project: Project
  readers: readonly Reader[]
  /** Whose masks are shown; null: one's own. */
  readerId: string | null
  onReader: (readerId: string | null) => void
  /** `resultById`: whose masks count from now on, where that has to be said. */
  onDecide: (to: CaseState, resultById: string | null) => void
  /** The readings of the case, or what the reviewer has of her own, changed. */
  onChanged: () => void
  me: string
}

export function CaseReview({ api, annotator, item, project, readers, readerId, onReader, onDecide, onChanged, me }: CaseReviewProps) {
  const text = team().review
  const path = `/api/cases/${item.id}/comments`
  const threads = useLoaded<Page<Thread>>((signal) => api.get(path, { signal }), [path])
  const [open, setOpen] = useState<boolean | null>(null)
  const [comparing, setComparing] = useState(false)
  const waiting = threads.value?.items.filter((thread) => thread.resolved_at === null).length ?? 0
  useEffect(() => { // who opens a case that came back sees at once what there is to do
    if (open === null && item.state === 'returned' && waiting > 0) setOpen(true)
  }, [waiting])

  const moves = project.archived ? [] : movesOf(item.state, project.role)
  const blind = item.readings.length > 0
  const compares = may(project.role, 'review') && (blind || readers.length > 0)
  const resultById = readerId ?? (blind ? me : null)
  const decides = (readerId !== null || blind) && moves.includes('accepted') && moves.includes('returned')
  return (
    <>
      {readers.length > 0 && (
        <select class="select quiet reader-select" aria-label={text.reader} title={text.reader} value={readerId ?? ''} onChange={(event) => onReader(event.currentTarget.value || null)}>
          <option value="">{text.own}</option>
          {readers.map(({ person, slices }) => <option key={person.id} value={person.id}>{text.readerOption(person.name, slices)}</option>)}
        </select>
      )}
      <button type="button" class="button quiet" title={text.comments} aria-expanded={open === true} onClick={() => { setOpen(!open); setComparing(false) }}>
        <Icon name="edit" size={16} /><span class="roomy">{text.comments}</span>{waiting > 0 && <span class="count">{waiting}</span>}
      </button>
      {compares && (
        <button type="button" class="button quiet" title={team().compare.open} aria-expanded={comparing} onClick={() => { setComparing(!comparing); setOpen(false) }}><Icon name="compare" size={16} /><span class="roomy">{team().compare.open}</span></button>
      )}
      {decides && (
        <>
          <button type="button" class="button" onClick={() => onDecide('returned', null)}><Icon name="undo" size={16} />{text.giveBack}</button>
          <button type="button" class="button primary" onClick={() => onDecide('accepted', resultById)}><Icon name="check" />{t().annotate.accept}</button>
        </>
      )}
      {comparing && (
        <CaseCompare key={annotator.volume.id} api={api} annotator={annotator} item={item} project={project} readers={readers} onClose={() => setComparing(false)}
          onConsensus={() => { if (readerId !== null) onReader(null); else onChanged() }} onReturned={onChanged} />
      )}
      {open && (
        <CaseComments api={api} annotator={annotator} item={item} readerId={readerId} labels={project.labels} threads={threads}
          mayComment={may(project.role, 'annotate') && !project.archived} onClose={() => setOpen(false)} />
      )}
    </>
  )
}
