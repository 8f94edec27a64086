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
  onDecide: (to: CaseState) => void
}

export function CaseReview({ api, annotator, item, project, readers, readerId, onReader, onDecide }: CaseReviewProps) {
  const text = team().review
  const path = `/api/cases/${item.id}/comments`
  const threads = useLoaded<Page<Thread>>((signal) => api.get(path, { signal }), [path])
  const [open, setOpen] = useState<boolean | null>(null)
  const waiting = threads.value?.items.filter((thread) => thread.resolved_at === null).length ?? 0
  useEffect(() => { // who opens a case that came back sees at once what there is to do
    if (open === null && item.state === 'returned' && waiting > 0) setOpen(true)
  }, [waiting])

  const moves = project.archived ? [] : movesOf(item.state, project.role)
  const decides = readerId !== null && moves.includes('accepted') && moves.includes('returned')
  return (
    <>
      {readers.length > 0 && (
        <select class="select quiet reader-select" aria-label={text.reader} title={text.reader} value={readerId ?? ''} onChange={(event) => onReader(event.currentTarget.value || null)}>
          <option value="">{text.own}</option>
          {readers.map(({ person, slices }) => <option key={person.id} value={person.id}>{text.readerOption(person.name, slices)}</option>)}
        </select>
      )}
      <button type="button" class="button quiet" aria-expanded={open === true} onClick={() => setOpen(!open)}>
        <Icon name="edit" size={16} />{text.comments}{waiting > 0 && <span class="count">{waiting}</span>}
      </button>
      {decides && (
        <>
          <button type="button" class="button" onClick={() => onDecide('returned')}><Icon name="undo" size={16} />{text.giveBack}</button>
          <button type="button" class="button primary" onClick={() => onDecide('accepted')}><Icon name="check" />{t().annotate.accept}</button>
        </>
      )}
      {open && (
        <CaseComments api={api} annotator={annotator} item={item} labels={project.labels} threads={threads}
          mayComment={may(project.role, 'annotate') && !project.archived} onClose={() => setOpen(false)} />
      )}
    </>
  )
}
