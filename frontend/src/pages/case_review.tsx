// At the top of an open case: whose masks a reviewer looks at, the decision, and the way to the comments.

import { useEffect } from 'preact/hooks'
import type { Annotator } from '../annotate/annotator.ts'
import type { Client } from '../api/client.ts'
import type { Case, CaseState, Project, Reader, Thread } from '../api/project_types.ts'
import type { Page } from '../api/types.ts'
import { team } from '../i18n/team.ts'
import { t } from '../i18n/text.ts'
import { Icon } from '../panels/icon.tsx'
import { CaseChanges } from './case_changes.tsx'
import { CaseComments } from './case_comments.tsx'
import { CaseCompare } from './case_compare.tsx'
import { movesFor } from './case_moves.ts'
import { may } from './permissions.ts'
import { changesOf, correctedSlices, useChanges } from './use_changes.ts'
import { useLoaded } from './use_loaded.ts'

/** What lies over the picture; `none`: closed by a person, null: not opened yet. */
export type ReviewPanel = 'comments' | 'changes' | 'compare' | 'none' | null

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
  panel: ReviewPanel
  onPanel: (panel: ReviewPanel) => void
  /** The masks shown are corrected by who looks; null: they may not be. */
  correcting: boolean | null
  onCorrect: (correcting: boolean) => void
  onVolume: (volumeId: string) => void
  /** The readings of the case, or what the reviewer has of her own, changed. */
  onChanged: () => void
  me: string
}

export function CaseReview({ api, annotator, item, project, readers, readerId, onReader, onDecide, panel, onPanel: setPanel, correcting, onCorrect, onVolume, onChanged, me }: CaseReviewProps) {
  const text = team().review
  const path = `/api/cases/${item.id}/comments`
  const threads = useLoaded<Page<Thread>>((signal) => api.get(path, { signal }), [path])
  const changes = useChanges(api, annotator, item)
  const toggle = (which: ReviewPanel) => setPanel(panel === which ? 'none' : which)
  const waiting = threads.value?.items.filter((thread) => thread.resolved_at === null).length ?? 0
  useEffect(() => { // who opens a case that came back sees at once what there is to do
    if (panel === null && item.state === 'returned' && waiting > 0) setPanel('comments')
  }, [waiting])
  const reviews = may(project.role, 'review')
  const personId = readerId ?? me
  const corrected = changes.value ? correctedSlices(changes.value.submitted, personId) : 0
  const since = changes.value && (reviews && readerId !== null ? changesOf(changes.value.previous, personId).flatMap(({ slices }) => slices).length : corrected)
  useEffect(() => { // what was corrected is seen at once, too
    if (panel === null && item.state === 'returned' && !reviews && threads.value && waiting === 0 && corrected > 0) setPanel('changes')
  }, [corrected, waiting, threads.value])
  const begun = changes.value !== null && (changes.value.previous.at !== null || changes.value.submitted.at !== null)
  const reader = readers.find(({ person }) => person.id === readerId)?.person

  const moves = project.archived ? [] : movesFor(item, project.role, me)
  const blind = item.readings.length > 0
  const compares = reviews && (blind || readers.length > 0)
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
      <button type="button" class="button quiet" title={text.comments} aria-expanded={panel === 'comments'} onClick={() => toggle('comments')}>
        <Icon name="edit" size={16} /><span class="roomy">{text.comments}</span>{waiting > 0 && <span class="count">{waiting}</span>}
      </button>
      {begun && (
        <button type="button" class="button quiet" title={team().changes.title} aria-expanded={panel === 'changes'} onClick={() => toggle('changes')}>
          <Icon name="history" size={16} /><span class="roomy">{team().changes.open}</span>{since !== null && since > 0 && <span class="count">{since}</span>}
        </button>
      )}
      {compares && (
        <button type="button" class="button quiet" title={team().compare.open} aria-expanded={panel === 'compare'} onClick={() => toggle('compare')}><Icon name="compare" size={16} /><span class="roomy">{team().compare.open}</span></button>
      )}
      {correcting !== null && (
        <button type="button" class="button" aria-pressed={correcting} title={team().correct.hint(reader?.name ?? '')} onClick={() => onCorrect(!correcting)}>
          <Icon name="brush" size={16} /><span class="middling">{correcting ? team().correct.stop : team().correct.start}</span>
        </button>
      )}
      {decides && (
        <>
          <button type="button" class="button" title={text.giveBack} onClick={() => onDecide('returned', null)}><Icon name="undo" size={16} /><span class="middling">{text.giveBack}</span></button>
          <button type="button" class="button primary" onClick={() => onDecide('accepted', resultById)}><Icon name="check" />{t().annotate.accept}</button>
        </>
      )}
      {panel === 'changes' && (
        <CaseChanges key={annotator.volume.id} annotator={annotator} item={item} project={project} personId={personId} reviews={reviews && readerId !== null} changes={changes}
          onVolume={onVolume} onClose={() => setPanel('none')} />
      )}
      {panel === 'compare' && (
        <CaseCompare key={annotator.volume.id} api={api} annotator={annotator} item={item} project={project} readers={readers} me={me} onClose={() => setPanel('none')}
          onConsensus={() => { if (readerId !== null) onReader(null); else onChanged() }} onReturned={onChanged} />
      )}
      {panel === 'comments' && (
        <CaseComments api={api} annotator={annotator} item={item} readerId={readerId} labels={project.labels} threads={threads}
          mayComment={may(project.role, 'annotate') && !project.archived} onClose={() => setPanel('none')} />
      )}
    </>
  )
}
