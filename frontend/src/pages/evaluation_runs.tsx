// Evaluations of a project: the one under way with its progress, and a table of those before.

import { useEffect, useState } from 'preact/hooks'
import { watchJob } from '../api/events.ts'
import type { Evaluation } from '../api/evaluation_types.ts'
import type { Job } from '../api/types.ts'
import { evaluationTexts } from '../i18n/evaluation_text.ts'
import { formatMoment, formatNumber } from '../i18n/format.ts'
import { language } from '../i18n/text.ts'
import { Sentence } from '../panels/sentence.tsx'
import { useApp } from './app_state.ts'

type Seen = Pick<Job, 'state' | 'progress' | 'message' | 'message_params'>

function said({ state, message, message_params: numbers }: Seen): string {
  const text = evaluationTexts()
  const messages: Readonly<Record<string, (numbers: Seen['message_params']) => string>> = text.messages
  return messages[message]?.(numbers) ?? (state === 'queued' ? text.queued : '')
}

export function RunningEvaluation({ run, onOver }: { run: Evaluation; onOver: () => Promise<void> }) {
  const { api, toasts } = useApp()
  const text = evaluationTexts()
  const [seen, setSeen] = useState<Seen>(run)
  const [stopping, setStopping] = useState(false)
  useEffect(() => watchJob(api, run.id, (job) => {
    setSeen(job)
    if (job.state !== 'queued' && job.state !== 'running') void onOver()
  }), [run.id])
  const percent = Math.round(seen.progress * 100)

  async function stop(): Promise<void> {
    setStopping(true)
    const answer = await api.delete<Job>(`/api/jobs/${run.id}`)
    if (answer.error) {
      toasts.problem(answer.error)
      setStopping(false)
    } else if (answer.data.state === 'cancelled') await onOver()
  }
  return (
    <section class="card pad stack" aria-label={text.running}>
      <div class="page-head tight-head">
        <div class="titles">
          <h2>{text.running}: {text.protocols[run.settings.protocol]}</h2>
          <p class="soft">{stopping ? text.stopping : said(seen)}</p>
        </div>
        <div class="actions"><button type="button" class="button" disabled={stopping} onClick={() => void stop()}>{text.cancel}</button></div>
      </div>
      <div class="progress" role="progressbar" aria-label={text.progressOf} aria-valuemin={0} aria-valuemax={100} aria-valuenow={percent}>
        <div style={{ width: `${percent}%` }} />
      </div>
    </section>
  )
}

export interface EvaluationRunsProps {
  runs: readonly Evaluation[]
  shownId: string | null
  onShow: (id: string) => void
}

export function EvaluationRuns({ runs, shownId, onShow }: EvaluationRunsProps) {
  const text = evaluationTexts()
  return (
    <section class="stack">
      <h2>{text.earlier}</h2>
      <div class="card">
        <table class="table">
          <thead>
            <tr>
              <th scope="col" class="tight">{text.when}</th>
              <th scope="col" class="tight">{text.who}</th>
              <th scope="col">{text.what}</th>
              <th scope="col">{text.dice}</th>
              <th scope="col" class="tight">{text.state}</th>
            </tr>
          </thead>
          <tbody>{runs.map((run) => <Run key={run.id} run={run} shown={run.id === shownId} onShow={onShow} />)}</tbody>
        </table>
      </div>
    </section>
  )
}

function Run({ run, shown, onShow }: { run: Evaluation; shown: boolean; onShow: (id: string) => void }) {
  const text = evaluationTexts()
  const when = formatMoment(run.created_at, language.value)
  return (
    <tr class={shown ? 'chosen' : undefined}>
      <td class="tight">
        {run.result
          ? <button type="button" class="link-button" aria-label={text.show(when)} aria-pressed={shown} onClick={() => onShow(run.id)}>{when}</button>
          : when}
      </td>
      <td class="tight soft">{run.author}</td>
      <td>
        {text.protocols[run.settings.protocol]}
        {run.result && <p class="soft small">{text.measures(run.result.measured, run.settings.case_ids.length)} · {run.result.setting}</p>}
        {run.problem && <p class="soft small"><Sentence text={run.problem.detail} /></p>}
      </td>
      <td>
        {run.result && (
          <span class="scores">
            {run.result.scores.map(({ method, dice }) => <span key={method}>{method} <strong>{formatNumber(100 * dice, language.value, 1)}</strong></span>)}
          </span>
        )}
      </td>
      <td class="tight"><span class={run.state === 'failed' ? 'tag alert' : 'tag'}>{text.stateNames[run.state]}</span></td>
    </tr>
  )
}
