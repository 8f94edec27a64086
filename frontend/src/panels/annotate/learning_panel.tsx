// Learning at the right: what the machine has learned of the active label, segmenting the rest, and the proposals that wait
// for a decision. Every line keeps its place in every state.

import { actionById, isEnabled } from '../../annotate/actions.ts'
import type { Annotator, PageCommands } from '../../annotate/annotator.ts'
import { ENOUGH_EXAMPLES, isUnfinished, LEAST_EXAMPLES } from '../../annotate/learning.ts'
import type { Generator, Job, LabelLearning } from '../../api/types.ts'
import { formatNumber } from '../../i18n/format.ts'
import { language, t } from '../../i18n/text.ts'
import { Icon } from '../icon.tsx'
import { Sentence } from '../sentence.tsx'
import { ActionButton, keepFocus } from './action_button.tsx'
import { actionKey, actionTip } from './action_text.ts'
import { ownKeys } from './own_keys.ts'
import { isEmpty } from '../../viewer/mask.ts'

export interface LearningPanelProps {
  annotator: Annotator
  page: PageCommands
  /** May decide what the project keeps for its next cases. */
  mayKeep: boolean
}

type PartProps = Omit<LearningPanelProps, 'mayKeep'>

const GENERATORS: readonly Generator[] = ['sapnet', 'classification', 'propagation']

export function LearningPanel({ annotator, page, mayKeep }: LearningPanelProps) {
  const text = t().learning
  const { learning } = annotator
  if (annotator.labels.value.length === 0) return null
  return (
    <section class="side-section learning-section" aria-label={text.title} onMouseDown={keepFocus}>
      <header>
        <h2>{text.title}</h2>
        <label class="by-itself" title={text.automaticHint}>
          <input type="checkbox" checked={learning.automatic.value} onChange={(event) => void learning.setAutomatic(event.currentTarget.checked)} />
          {text.automatic}
        </label>
      </header>
      <Learned annotator={annotator} mayKeep={mayKeep} />
      <Proposing annotator={annotator} page={page} />
      <Deciding annotator={annotator} page={page} />
    </section>
  )
}

/** Two lines: what was learned and what it is worth; who answers a click, and what the project keeps. */
function Learned({ annotator: { learning }, mayKeep }: { annotator: Annotator; mayKeep: boolean }) {
  const text = t().learning
  const label = learning.label.value
  const job = learning.learning.value
  const enough = label !== null && label.examples >= LEAST_EXAMPLES // else slices were taken back, and that says it better
  const failed = job?.state === 'failed' && enough ? job.problem : null
  const newest = label?.newest ?? null
  const answering = label?.learned_prompt ?? null
  const warm = label?.warm_start ?? null
  return (
    <div class="learned" aria-live="polite">
      <div class="learned-what">
        {job && isUnfinished(job)
          ? <><span class="spinner" /><span title={saidBy(job)}>{text.busy}</span><output>{formatNumber(100 * job.progress, language.value)} %</output></>
          : failed
            ? <><Icon name="warning" size={16} /><span title={[failed.detail, failed.hint].filter(Boolean).join(' ')}><Sentence text={failed.detail} /></span><LearnNow learning={learning} /></>
            : <><span>{label ? sentence(label) : ''}</span>{label && label.examples >= LEAST_EXAMPLES && !newest && <LearnNow learning={learning} />}</>}
      </div>
      <div class="learned-answers">
        {newest
          ? (
            <label title={text.useHint}>
              <input type="checkbox" checked={answering?.id === newest.id} onChange={(event) => void learning.use(newest, event.currentTarget.checked)} />
              {text.use}
            </label>
          )
          : warm
            ? (
              <label title={text.warmStartHint}>
                <input type="checkbox" checked={answering?.source === 'warm_start'} onChange={(event) => void learning.useWarmStart(event.currentTarget.checked)} />
                {text.useWarmStart}
              </label>
            )
            : null}
        {newest && mayKeep && (newest.verdict.active || newest.warm_start)
          ? (
            <label title={text.keepHint}>
              <input type="checkbox" checked={newest.warm_start} onChange={(event) => void learning.keepForNext(newest, event.currentTarget.checked)} />
              {text.keep}
            </label>
          )
          : <span class="soft ellipsis">{label && whoAnswers(label)}</span>}
      </div>
    </div>
  )
}

/** Unless the switch beside it says so: who answers, and whether the project's warm start is worth it. */
function whoAnswers({ newest, learned_prompt: answering, warm_start: warm }: LabelLearning): string {
  const text = t().learning
  if (warm && warm.gain !== null && !(newest && answering?.id === newest.id)) {
    return (warm.helps ? text.warmStartHelps : text.warmStartFails)(warm.cases, points(warm.gain))
  }
  if (newest && answering?.id === newest.id) return ''
  return answering ? text.warmStart : text.plainAnswers
}

function LearnNow({ learning }: { learning: Annotator['learning'] }) {
  return <button type="button" class="button quiet small" onClick={() => void learning.learn()}>{t().learning.learnNow}</button>
}

function sentence({ newest, examples }: LabelLearning): string {
  const text = t().learning
  if (newest) {
    const { gain, reason } = newest.verdict
    if (reason === 'deaf') return text.deaf(newest.examples)
    return (reason === 'no_gain' ? text.noGain : text.learned)(newest.examples, points(gain))
  }
  return examples >= LEAST_EXAMPLES ? text.ready(examples) : examples === 1 ? text.one : text.none
}

/** What a job says of itself, in the language of the page. */
function saidBy({ message, message_params: numbers }: Job): string {
  const messages: Readonly<Record<string, (numbers: Job['message_params']) => string>> = t().learning.messages
  return messages[message]?.(numbers) ?? ''
}

/** A difference of Dice in points, with its sign: +8, −0.4. */
function points(gain: number): string {
  const size = Math.abs(100 * gain)
  return `${gain < 0 ? '−' : '+'}${formatNumber(size, language.value, size < 9.95 && size > 0 ? 1 : 0)}`
}

/** A button or the progress in its place, and a line below that says what is missing, what goes on or what went wrong. */
function Proposing({ annotator, page }: PartProps) {
  const text = t().learning
  const { learning } = annotator
  const job = learning.proposing.value
  const going = job !== null && isUnfinished(job) ? job : null
  const rest = actionById('learning.segmentRest')
  const again = job !== null && job.kind === 'auto_segment'
  const percent = Math.round(100 * (going?.progress ?? 0))
  return (
    <>
      <div class="propose">
        {going
          ? (
            <>
              <div class="progress" role="progressbar" aria-label={text.title} aria-valuemin={0} aria-valuemax={100} aria-valuenow={percent}><div style={{ width: `${percent}%` }} /></div>
              <output>{percent} %</output>
              <button type="button" class="button" onClick={() => void learning.cancel(going)}><Icon name="reject" size={16} />{text.cancel}</button>
            </>
          )
          : (
            <>
              <button type="button" class="button" title={again ? `${text.runAgainHint} (${actionKey(rest)})` : actionTip(rest)} disabled={!isEnabled(rest, annotator)}
                onClick={() => rest.perform(annotator, page)}>
                {again ? text.runAgain : t().actions['action.segment_rest']}
              </button>
              <select class="select quiet" aria-label={text.generator} title={text.generator} value={learning.generator.value}
                onChange={(event) => choose(annotator, event.currentTarget)}>
                {GENERATORS.map((generator) => <option key={generator} value={generator}>{text.generators[generator]}</option>)}
              </select>
              <ActionButton action={actionById('learning.propagate')} icon="slices" annotator={annotator} page={page} />
            </>
          )}
      </div>
      <p class="propose-note soft" aria-live="polite"><ProposingNote annotator={annotator} /></p>
    </>
  )
}

/** And gives the keys back to the page. */
function choose({ learning }: Annotator, select: HTMLSelectElement): void {
  learning.generator.value = select.value as Generator
  select.blur()
}

function ProposingNote({ annotator: { learning, review } }: { annotator: Annotator }) {
  const text = t().learning
  const job = learning.proposing.value
  const wrong = learning.refused.value ?? review.problem.value ?? (job?.state === 'failed' ? job.problem : null)
  if (wrong) return <span class="wrong"><Icon name="warning" size={16} /><span><Sentence text={[wrong.detail, wrong.hint].filter(Boolean).join(' ')} /></span></span>
  if (job?.state === 'queued') return <>{saidBy(job) || text.waiting}</>
  if (job?.state === 'running') return <>{saidBy(job)}</>
  if (review.pictures.value !== null) return <>{text.acceptedPictures(review.pictures.value)}</>
  const label = learning.label.value
  if (!label) return null
  const useful = actionById('learning.nextUseful')
  const where = label.pictures ? undefined : text.spread(actionKey(useful) ?? t().actions['action.next_useful'])
  if (learning.missing.value > 0) return <span title={where}>{text.missing(learning.missing.value)}</span>
  if (label.examples < ENOUGH_EXAMPLES) return <span title={where}>{text.recommended(ENOUGH_EXAMPLES - label.examples)}</span>
  return <>{text.enough}</>
}

/** How many wait, all that are sure enough at once, and where to look next. */
function Deciding({ annotator, page }: PartProps) {
  const text = t().learning
  const { review } = annotator
  const waiting = review.open.value.size
  const sure = actionById('learning.acceptSure')
  const percent = Math.round(100 * review.confidence.value)
  const empty = review.sure.value.filter(({ mask }) => isEmpty(mask)).length
  return (
    <>
      <div class="sure">
        <span class={waiting > 0 ? '' : 'faint'}>{waiting > 0 ? text.proposals(waiting) : text.noProposals}</span>
        <input type="range" min={0} max={100} step={5} value={percent} aria-label={text.from} title={text.from} onKeyDown={ownKeys}
          onInput={(event) => { review.confidence.value = event.currentTarget.valueAsNumber / 100 }} />
        <output>≥ {percent} %</output>
        <button type="button" class="button" title={`${actionTip(sure)}\n${text.sureOf(review.sure.value.length - empty, empty)}`} disabled={!isEnabled(sure, annotator)} onClick={() => sure.perform(annotator, page)}>
          {text.acceptSure(review.sure.value.length)}
        </button>
      </div>
      <div class="walk">
        {annotator.learning.label.value?.pictures
          ? (
            <>
              <Walk id="learning.leastCertain" name={text.leastCertain} annotator={annotator} page={page} />
              <Walk id="learning.acceptPictures" name={text.acceptPictures} bare annotator={annotator} page={page} />
            </>
          )
          : (
            <>
              <Walk id="learning.leastCertain" name={text.leastCertain} annotator={annotator} page={page} />
              <Walk id="learning.nextUseful" name={text.nextUseful} annotator={annotator} page={page} />
            </>
          )}
      </div>
    </>
  )
}

/** `bare`: its keys stand in its title alone. */
function Walk({ id, name, bare, annotator, page }: PartProps & { id: string; name: string; bare?: boolean }) {
  const action = actionById(id)
  return (
    <button type="button" class="button" title={actionTip(action)} disabled={!isEnabled(action, annotator)} onClick={() => action.perform(annotator, page)}>
      {name}{!bare && <kbd>{actionKey(action)}</kbd>}
    </button>
  )
}
