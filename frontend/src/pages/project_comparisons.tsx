// The tab of blinded comparisons: for managers a form and all of them with their tallies, for readers those that they judge.

import { useState } from 'preact/hooks'
import type { Client } from '../api/client.ts'
import type { Comparison, ComparisonIn, Source } from '../api/comparison_types.ts'
import type { Member, Person, Project } from '../api/project_types.ts'
import type { Job, Page, Problem } from '../api/types.ts'
import { comparisonTexts } from '../i18n/comparisons_text.ts'
import { formatDate } from '../i18n/format.ts'
import { language, t } from '../i18n/text.ts'
import { ProblemNotice } from '../panels/problem_notice.tsx'
import { RunningJob, useWatched } from '../panels/running_job.tsx'
import { TableSkeleton } from '../panels/skeleton.tsx'
import { isOver } from '../panels/uploads.ts'
import { useApp } from './app_state.ts'
import { ComparisonForm } from './comparison_form.tsx'
import { ComparisonManage, DeletedComparison } from './comparison_manage.tsx'
import { ComparisonTally } from './comparison_tally.tsx'
import { may } from './permissions.ts'
import { hrefTo } from './router.ts'
import { sliceWords } from './slice_numbers.ts'
import { useLoaded } from './use_loaded.ts'
import { usePaged } from './use_paged.ts'

export function ProjectComparisons({ project }: { project: Project }) {
  const { api, session } = useApp()
  const text = comparisonTexts()
  const [problem, setProblem] = useState<Problem | null>(null)
  const manages = may(project.role, 'manage')
  const base = `/api/projects/${project.id}/comparisons`
  const me = session.me.value!
  const members = useLoaded<Page<Member>>((signal) => (manages ? api.get(`/api/projects/${project.id}/members`, { signal }) : Promise.resolve({ data: { items: [], next_cursor: null } })), [project.id, manages])
  const judges = (members.value?.items ?? []).filter(({ role }) => may(role, 'review')).map(({ user }) => user)
  const people = judges.some(({ id }) => id === me.id) ? judges : [...judges, me]
  const found = usePaged<Comparison>((cursor, signal) => api.get<Page<Comparison>>(base, { query: { limit: 20, cursor }, signal }), [base])

  async function create(wanted: ComparisonIn): Promise<void> {
    const answer = await api.post<Comparison>(base, { json: wanted })
    setProblem(answer.error ? inWords(answer.error) : null)
    if (!answer.error) await found.reload()
  }
  if (found.problem && !found.items) return <ProblemNotice problem={found.problem} onRetry={found.reload} />
  if (!found.items) return <TableSkeleton rows={3} />
  return (
    <div class="stack tab-body">
      {found.items.length === 0 && <p class="soft">{manages ? text.none : text.noneForReaders}</p>}
      {found.items.map((item) => (
        <ComparisonCard key={item.id} api={api} item={item} manages={manages} people={people} onChanged={(next) => found.replace(({ id }) => id === next.id, next)} />
      ))}
      {found.more && <button type="button" class="button more" disabled={found.loadingMore} onClick={found.loadMore}>{t().common.loadMore}</button>}
      {members.problem && <ProblemNotice problem={members.problem} onRetry={members.reload} />}
      {manages && !project.archived && <ComparisonForm project={project} people={members.value && people} judges={judges} onCreate={create} />}
      {problem && <ProblemNotice problem={problem} />}
    </div>
  )
}

/** Slices that cannot be compared, counted as people do. */
function inWords(problem: Problem): Problem {
  const slices = problem.context?.['slices']
  if (problem.code !== 'slices_not_comparable' || !Array.isArray(slices)) return problem
  const { wrongSlices, wrongSlicesHint, wrongSlicesTitle } = comparisonTexts().cases
  return { ...problem, title: wrongSlicesTitle, detail: wrongSlices(sliceWords(slices)), hint: wrongSlicesHint }
}

const sourceName = ({ what, how }: Source): string => comparisonTexts().sources[`${what} ${how}`] ?? what

interface ComparisonCardProps { api: Client; item: Comparison; manages: boolean; people: readonly Person[]; onChanged: (item: Comparison) => void }

function ComparisonCard({ api, item, manages, people, onChanged }: ComparisonCardProps) {
  const text = comparisonTexts()
  const [problem, setProblem] = useState<Problem | null>(null)
  const [deleted, setDeleted] = useState(false)
  async function reload(): Promise<void> {
    const answer = await api.get<Comparison>(`/api/comparisons/${item.id}`)
    if (answer.data) onChanged(answer.data)
  }
  useWatched(api, item.job, (job: Job) => {
    if (isOver(job)) void reload()
    else onChanged({ ...item, job })
  })
  async function cancel(): Promise<void> {
    const answer = await api.delete(`/api/jobs/${item.job!.id}`)
    setProblem(answer.error ?? null)
    if (!answer.error) await reload()
  }
  const { mine, settings } = item
  const judges = mine !== null && mine.finished_at === null && item.closed_at === null
  const readers = item.readers
  if (deleted) {
    const restored = (next: Comparison) => {
      setDeleted(false)
      onChanged(next)
    }
    return <DeletedComparison api={api} item={item} onRestored={restored} />
  }
  return (
    <section class="card pad stack" aria-label={item.name}>
      <div class="page-head">
        <div class="titles">
          <h2>{item.name}{item.closed_at !== null && <> <span class="tag">{text.manage.closed}</span></>}</h2>
          <p class="soft">
            {settings ? text.against(sourceName(settings.first), sourceName(settings.second)) : text.hidden} · {formatDate(item.created_at, language.value, new Date())}
          </p>
        </div>
        {item.state === 'ready' && judges && (
          <div class="actions"><a class="button primary" href={hrefTo.judge(item.id)}>{mine.judged > 0 ? text.goOn : text.judge}</a></div>
        )}
      </div>
      {problem && <ProblemNotice problem={problem} />}
      {item.state === 'preparing' && item.job && <RunningJob title={text.computing} job={item.job} onCancel={() => void cancel()} />}
      {item.state === 'failed' && (item.job?.problem ? <ProblemNotice problem={item.job.problem as unknown as Problem} /> : <p class="soft">{text.failed}</p>)}
      {item.state === 'ready' && (
        <>
          <p class="soft">{readers.map(({ reader, judged }) => `${reader.name}: ${text.progress(judged, item.pairs)}`).join(' · ')}{item.identical > 0 && ` · ${text.identical(item.identical)}`}</p>
          {!judges && settings && <ComparisonTally api={api} item={item} manages={manages} first={sourceName(settings.first)} second={sourceName(settings.second)} />}
        </>
      )}
      {manages && <ComparisonManage api={api} item={item} people={people} onChanged={onChanged} onDeleted={() => setDeleted(true)} />}
    </section>
  )
}
