// Beside an open case: what has changed since a round ended, by label and slice and by whom; over the picture, beside it, or
// flipped between. Each slice leads there.

import { useEffect } from 'preact/hooks'
import { actionById } from '../annotate/actions.ts'
import type { Annotator } from '../annotate/annotator.ts'
import { ADDED_COLOR, REMOVED_COLOR, type PastRound, type RoundView } from '../annotate/rounds.ts'
import type { Case, ChangedMask, Project } from '../api/project_types.ts'
import { formatMoment } from '../i18n/format.ts'
import { team } from '../i18n/team.ts'
import { language, t } from '../i18n/text.ts'
import { actionKey } from '../panels/annotate/action_text.ts'
import { Icon } from '../panels/icon.tsx'
import { ProblemNotice } from '../panels/problem_notice.tsx'
import { changesOf, usualRound, type ChangesByRound } from './use_changes.ts'
import type { Loaded } from './use_loaded.ts'

export interface CaseChangesProps {
  annotator: Annotator
  item: Case
  project: Project
  /** Whose masks are shown. */
  personId: string
  /** The person who looks may review. */
  reviews: boolean
  changes: Loaded<ChangesByRound>
  onVolume: (volumeId: string) => void
  onClose: () => void
}

const ROUNDS: readonly PastRound[] = ['previous', 'submitted']
const VIEWS: readonly RoundView[] = ['off', 'over', 'beside']

export function CaseChanges({ annotator, item, project, personId, reviews, changes, onVolume, onClose }: CaseChangesProps) {
  const text = team().changes
  const { rounds } = annotator
  const first = changes.value && usualRound(changes.value, reviews)
  useEffect(() => { if (first !== null && rounds.round.peek() === null) void rounds.compare(first, 'over') }, [annotator, first])
  useEffect(() => () => rounds.close(), [annotator])

  const round = rounds.round.value
  const masks = changes.value && round ? changesOf(changes.value[round], personId) : []
  return (
    <section class="comments compare" aria-label={text.title}>
      <header>
        <h2>{text.title}</h2>
        <button type="button" class="icon-button small" aria-label={t().common.close} onClick={onClose}><Icon name="close" size={16} /></button>
      </header>
      <div class="comments-list">
        {changes.problem && <ProblemNotice problem={changes.problem} onRetry={changes.reload} />}
        {rounds.problem.value && <ProblemNotice problem={rounds.problem.value} />}
        {changes.value && first === null && <p class="faint">{text.noRound}</p>}
        {changes.value && round && (
          <>
            <div class="stack-small">
              <select class="select quiet" aria-label={text.since} value={round} onChange={(event) => void rounds.compare(event.currentTarget.value as PastRound, rounds.view.peek())}>
                {ROUNDS.filter((one) => changes.value![one].at !== null).map((one) => (
                  <option key={one} value={one}>{text.rounds[one](formatMoment(changes.value![one].at!, language.value))}</option>
                ))}
              </select>
              <div class="segments" role="group" aria-label={text.views}>
                {VIEWS.map((view) => (
                  <button key={view} type="button" aria-pressed={rounds.view.value === view} onClick={() => rounds.setView(view)}>{text.view[view]}</button>
                ))}
              </div>
              <p class="change-legend">
                <span><span class="swatch" style={{ background: ADDED_COLOR }} />{text.added}</span>
                <span><span class="swatch" style={{ background: REMOVED_COLOR }} />{text.removed}</span>
              </p>
              <div class="compare-actions">
                <button type="button" class="button quiet" aria-pressed={rounds.flipped.value} disabled={!rounds.ready.value || rounds.view.value === 'beside'} onClick={() => rounds.flip()}>
                  <Icon name="flip" size={16} />{text.flip}<Key id="rounds.flip" />
                </button>
                <button type="button" class="button quiet" disabled={rounds.changed.value.length === 0} onClick={() => rounds.next()}>
                  <Icon name="next" size={16} />{text.next}<Key id="rounds.next" />
                </button>
              </div>
            </div>
            {masks.length === 0 && <p class="faint">{text.none}</p>}
            {masks.map((mask) => <MaskChanges key={mask.annotation_id} mask={mask} annotator={annotator} item={item} project={project} onVolume={onVolume} />)}
          </>
        )}
      </div>
    </section>
  )
}

function Key({ id }: { id: string }) {
  const key = actionKey(actionById(id))
  return key ? <kbd>{key}</kbd> : null
}

type MaskChangesProps = Pick<CaseChangesProps, 'annotator' | 'item' | 'project' | 'onVolume'> & { mask: ChangedMask }

function MaskChanges({ mask, annotator, item, project, onVolume }: MaskChangesProps) {
  const text = team().changes
  const label = project.labels.find(({ id }) => id === mask.label_id)
  const here = mask.volume_id === annotator.volume.id
  const most = Math.max(...mask.slices.map(({ added, removed }) => added + removed))
  function lead(slice: number): void {
    if (!here) return onVolume(mask.volume_id)
    annotator.setActiveLabel(mask.label_id)
    annotator.lookAt(slice)
  }
  return (
    <div class="stack-small">
      <h3><span class="swatch" style={{ background: label?.color }} /> {label?.name}{!here && <span class="faint"> · {item.volumes.find(({ id }) => id === mask.volume_id)?.name}</span>}</h3>
      <ul class="difference-list changes">
        {mask.slices.map(({ slice, added, removed, authors }) => (
          <li key={slice}>
            <button type="button" class="link" aria-current={here && annotator.axis.value === 0 && annotator.slice.value === slice ? 'location' : undefined} onClick={() => lead(slice)}>{team().review.slice(slice + 1)}</button>
            <span class="bar two" aria-hidden="true">
              <span style={{ width: `${(100 * added) / most}%`, background: ADDED_COLOR }} /><span style={{ width: `${(100 * removed) / most}%`, background: REMOVED_COLOR }} />
            </span>
            <span class="faint">{text.amount(added, removed)}</span>
            <span class="faint who">{authors.map(({ name }) => name).join(', ')}</span>
          </li>
        ))}
      </ul>
    </div>
  )
}
