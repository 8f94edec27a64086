// The evaluation tab of a project: what to measure, the measurement under way, and the reports of those before.

import { useEffect, useState } from 'preact/hooks'
import type { Evaluation, EvaluationCase, EvaluationSettings } from '../api/evaluation_types.ts'
import type { Project } from '../api/project_types.ts'
import type { Job, Page, Problem } from '../api/types.ts'
import { evaluationTexts } from '../i18n/evaluation_text.ts'
import { t } from '../i18n/text.ts'
import { Icon } from '../panels/icon.tsx'
import { ProblemNotice } from '../panels/problem_notice.tsx'
import { TableSkeleton } from '../panels/skeleton.tsx'
import { useApp } from './app_state.ts'
import { EvaluationForm } from './evaluation_form.tsx'
import { EvaluationReport } from './evaluation_report.tsx'
import { EvaluationRuns, RunningEvaluation } from './evaluation_runs.tsx'
import { speedOf } from './evaluation_speed.ts'
import { hrefTo } from './router.ts'
import { usePaged } from './use_paged.ts'

const MOST_CASES = 100 // as many as one evaluation takes
const RUNS_A_PAGE = 20

export function ProjectEvaluation({ project }: { project: Project }) {
  const { api } = useApp()
  const text = evaluationTexts()
  const [shownId, setShownId] = useState<string | null>(null)
  const [problem, setProblem] = useState<Problem | null>(null)
  const base = `/api/projects/${project.id}`
  const cases = usePaged<EvaluationCase>((cursor, signal) =>
    api.get<Page<EvaluationCase>>(`${base}/evaluation-cases`, { query: { limit: MOST_CASES, cursor }, signal }), [base])
  const runs = usePaged<Evaluation>((cursor, signal) =>
    api.get<Page<Evaluation>>(`${base}/evaluations`, { query: { limit: RUNS_A_PAGE, cursor }, signal }), [base])

  const unfinished = runs.items?.filter((run) => run.state === 'queued' || run.state === 'running') ?? []
  const done = runs.items?.filter((run) => run.state === 'done') ?? []
  const shown = done.find((run) => run.id === shownId) ?? done[0]
  useEffect(() => { if (shown && shownId !== null) document.getElementById(`report-${shown.id}`)?.scrollIntoView({ behavior: 'smooth' }) }, [shownId])

  async function start(settings: EvaluationSettings): Promise<void> {
    const answer = await api.post<Job>('/api/jobs', { json: { kind: 'evaluate', project_id: project.id, ...settings } })
    setProblem(answer.error ?? null)
    if (!answer.error) await runs.reload()
  }

  if (cases.problem && !cases.items) return <ProblemNotice problem={cases.problem} onRetry={cases.reload} />
  if (!cases.items || (!runs.items && !runs.problem)) return <TableSkeleton rows={4} />
  if (cases.items.length === 0 && done.length === 0 && unfinished.length === 0) return <NothingYet projectId={project.id} />
  return (
    <div class="stack tab-body">
      {cases.items.length > 0 && !project.archived && (
        <EvaluationForm project={project} cases={cases.items} speed={speedOf(done, cases.items)} busy={unfinished.length > 0} onStart={start} />
      )}
      {problem && <ProblemNotice problem={problem} />}
      {unfinished.map((run) => <RunningEvaluation key={run.id} run={run} onOver={runs.reload} />)}
      {runs.problem && <ProblemNotice problem={runs.problem} onRetry={runs.reload} />}
      {runs.items && runs.items.length > unfinished.length && (
        <EvaluationRuns runs={runs.items.filter((run) => !unfinished.includes(run))} shownId={shown?.id ?? null} onShow={setShownId} />
      )}
      {runs.more && <button type="button" class="button more" disabled={runs.loadingMore} onClick={runs.loadMore}>{t().common.loadMore}</button>}
      {shown && <EvaluationReport key={shown.id} run={shown} />}
      {cases.more && <p class="soft">{text.cases}: {cases.items.length}+</p>}
    </div>
  )
}

function NothingYet({ projectId }: { projectId: string }) {
  const text = evaluationTexts()
  return (
    <div class="empty card invite">
      <Icon name="slices" size={40} />
      <h2>{text.emptyTitle}</h2>
      <p>{text.emptyDetail}</p>
      <div class="actions"><a class="button" href={hrefTo.project(projectId)}>{text.toCases}</a></div>
    </div>
  )
}
