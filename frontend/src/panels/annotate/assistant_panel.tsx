// The assistant at the right: what it waits for, what it proposes, how sure it is, accept and reject. Its parts keep their
// places in every state.

import { actionById, isEnabled } from '../../annotate/actions.ts'
import type { Annotator, AssistantState, PageCommands, ProposalState, ToolId } from '../../annotate/annotator.ts'
import { formatNumber } from '../../i18n/format.ts'
import { language, t } from '../../i18n/text.ts'
import { Icon } from '../icon.tsx'
import { Sentence } from '../sentence.tsx'
import { ActionButton, keepFocus } from './action_button.tsx'
import { actionKey, keysIn } from './action_text.ts'

export interface AssistantPanelProps {
  annotator: Annotator
  page: PageCommands
  mayAnnotate: boolean
  /** The installation says that nobody answers clicks; the assistant itself only learns it from a click. */
  workerless: boolean
}

export function AssistantPanel({ annotator, page, mayAnnotate, workerless }: AssistantPanelProps) {
  const text = t().annotate
  const known = annotator.assistant.value
  const state: AssistantState = workerless && known.kind !== 'offline' ? { kind: 'no_worker', problem: null } : annotator.masksReady.value ? known : { kind: 'encoding' }
  const proposal = annotator.proposal.value
  const accept = actionById('proposal.accept')
  const reject = actionById('proposal.reject')
  if (!mayAnnotate) {
    return <section class="side-section assistant-section" aria-label={text.assistant}><header><h2>{text.assistant}</h2></header><p class="soft">{text.readOnlyCase}</p></section>
  }
  return (
    <section class="side-section assistant-section" aria-label={text.assistant} onMouseDown={keepFocus}>
      <header>
        <h2>{text.assistant}</h2>
        <AssistantWord state={state} />
      </header>
      <div class="assistant-body" aria-live="polite">
        <Trouble state={state} />
        {proposal ? <Proposal proposal={proposal} annotator={annotator} page={page} /> : <Idle annotator={annotator} state={state} />}
      </div>
      <div class="decide">
        <button type="button" class="button primary" disabled={!isEnabled(accept, annotator)} onClick={() => accept.perform(annotator, page)}>
          <Icon name="check" />{text.accept}<kbd>{actionKey(accept)}</kbd>
        </button>
        <button type="button" class="button" disabled={!isEnabled(reject, annotator)} onClick={() => reject.perform(annotator, page)}>
          <Icon name="reject" />{text.reject}<kbd>{text.escape}</kbd>
        </button>
      </div>
    </section>
  )
}

function AssistantWord({ state }: { state: AssistantState }) {
  const text = t().annotate
  const word = {
    ready: text.ready, encoding: text.preparing, asking: text.predicting, no_worker: text.noWorker, offline: text.offline, failed: text.refused,
  }[state.kind]
  const busy = state.kind === 'encoding' || state.kind === 'asking'
  return <span class="assistant-word" role="status">{busy ? <span class="spinner" /> : <span class={`status-mark ${state.kind === 'ready' ? '' : 'wrong'}`} />}{word}</span>
}

/** What is wrong and what to do, in the place of the hint. */
function Trouble({ state }: { state: AssistantState }) {
  const text = t().annotate
  if (state.kind === 'no_worker') return <TroubleText title={text.noWorkerTitle} detail={state.problem?.hint ?? text.noWorkerDetail} />
  if (state.kind === 'offline') return <TroubleText title={text.offlineTitle} detail={text.offlineDetail} />
  if (state.kind === 'failed') return <TroubleText title={state.problem.detail} detail={state.problem.hint ?? ''} />
  return null
}

function TroubleText({ title, detail }: { title: string; detail: string }) {
  return <div class="trouble"><Icon name="warning" /><div><p><Sentence text={title} /></p>{detail && <p class="soft"><Sentence text={detail} /></p>}</div></div>
}

/** Below this the model's own estimate says: do not accept without looking twice. */
const UNSURE_BELOW = 60

function Idle({ annotator, state }: { annotator: Annotator; state: AssistantState }) {
  const text = t().annotate
  const trouble = ['no_worker', 'offline', 'failed'].includes(state.kind)
  const tool = annotator.tool.value
  if (annotator.labels.value.length === 0) return null
  if (!annotator.masksReady.value) return <p class="soft"><span class="spinner" /> {text.masksLoading}</p>
  const manual: Partial<Record<ToolId, string>> = text.manual, paints = annotator.canPaint.value && (tool === 'brush' || tool === 'eraser')
  if (!annotator.canDraw.value && !paints) return <p class="soft">{text.planeReadOnly}</p>
  if (manual[tool]) return <p class="soft">{keysIn(manual[tool])}</p>
  if (trouble) return null
  if (tool === 'box') return <Hint title={text.idleBoxTitle} detail={text.idleBox} />
  if (tool === 'scribble') return <Hint title={text.idleScribbleTitle} detail={keysIn(text.idleScribble)} />
  if (tool === 'encircle') return <Hint title={text.idleEncircleTitle} detail={text.idleEncircle} />
  return <Hint title={text.idleTitle} detail={text.idlePoints} />
}

function Hint({ title, detail }: { title: string; detail: string }) {
  return <><p>{title}</p><p class="soft">{detail}</p></>
}

function Proposal({ proposal, annotator, page }: { proposal: ProposalState; annotator: Annotator; page: PageCommands }) {
  const text = t().annotate
  const label = annotator.labels.value.find(({ id }) => id === proposal.labelId)
  const points = proposal.prompts.filter((prompt) => prompt.kind === 'point').length
  const [boxes, scribbles, outlines] = (['box', 'scribble', 'lasso'] as const).map((kind) => proposal.prompts.filter((prompt) => prompt.kind === kind).length)
  const suggested = proposal.kind === 'suggestion'
  const nothing = (suggested || !proposal.waiting) && proposal.voxels === 0
  const [name, hint] = suggested ? [text.confidence, text.confidenceHint] : [text.score, text.scoreHint]
  const percent = proposal.score === null ? null : Math.round(100 * proposal.score)
  return (
    <>
      <p class="proposal-title">
        <span class="swatch" style={{ background: label?.color }} />
        <span class="ellipsis">{label?.name}</span>
        <span class="faint">{[suggested && text.proposedHere, points > 0 && text.points(points), boxes > 0 && text.boxes(boxes), scribbles > 0 && text.scribbles(scribbles), outlines > 0 && text.outlines(outlines), proposal.edited && text.edited].filter(Boolean).join(' · ')}</span>
      </p>
      {percent !== null && (
        <div class="score" title={hint}>
          <span class="soft">{name}</span>
          <output>{formatNumber(percent, language.value)} %</output>
          <div class="progress" role="meter" aria-label={name} aria-valuemin={0} aria-valuemax={100} aria-valuenow={percent}>
            <div style={{ width: `${percent}%` }} />
          </div>
        </div>
      )}
      {percent !== null && (
        <p class="answered-by">
          <span class="soft">{text.answeredBy[proposal.learned ? 'learned' : 'plain']}</span>
          <ActionButton action={actionById(suggested ? 'proposal.absent' : 'proposal.comparePlain')} icon={suggested ? 'hidden' : 'invert'} annotator={annotator} page={page} />
          {suggested && <ActionButton action={actionById('proposal.end')} icon="next" annotator={annotator} page={page} />}
        </p>
      )}
      {nothing
        ? <p>{suggested ? text.absentHere : text.foundNothing}</p>
        : suggested ? <p class="soft">{proposal.prompts.length > 0 ? text.editPrompts : text.editAfterwards}</p>
          : percent !== null && percent < UNSURE_BELOW && <p class="soft">{text.unsure}</p>}
      {!suggested && proposal.waiting && annotator.assistant.value.kind === 'ready' && <p class="soft">{keysIn(text.waitingForKey)}</p>}
    </>
  )
}
