// Other DICOMweb servers: searching them for studies and pulling what is chosen into the project.

import { useEffect, useRef, useState } from 'preact/hooks'
import { watchJob } from '../api/events.ts'
import type { Project, RemoteStudies, RemoteStudy } from '../api/project_types.ts'
import type { Job, Problem } from '../api/types.ts'
import { formatDate } from '../i18n/format.ts'
import { team } from '../i18n/team.ts'
import { language, t } from '../i18n/text.ts'
import { Icon } from '../panels/icon.tsx'
import { ProblemNotice } from '../panels/problem_notice.tsx'
import { TableSkeleton } from '../panels/skeleton.tsx'
import { isOver } from '../panels/uploads.ts'
import { useApp } from './app_state.ts'
import { hrefTo } from './router.ts'

const PAGE_SIZE = 50
const MODALITIES = ['CT', 'MR', 'PT', 'US', 'XA', 'DX', 'CR', 'MG', 'NM', 'SM', 'OP']
const NO_FILTER = { patient_name: '', patient_id: '', modality: '', date_from: '', date_to: '' }
type Filter = typeof NO_FILTER

export interface ProjectServersProps {
  project: Project
  servers: readonly string[]
  /** Called when pulled studies are there and become cases. */
  onPulled: () => void
}

export function ProjectServers({ project, servers, onPulled }: ProjectServersProps) {
  const { api, uploads } = useApp()
  const words = team().servers
  const [server, setServer] = useState(servers[0] ?? '')
  const [typed, setTyped] = useState<Filter>(NO_FILTER)
  const [asked, setAsked] = useState<Filter>(NO_FILTER)
  const [studies, setStudies] = useState<readonly RemoteStudy[] | null>(null)
  const [more, setMore] = useState(false)
  const [searching, setSearching] = useState(false)
  const [problem, setProblem] = useState<Problem | null>(null)
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set())
  const [job, setJob] = useState<Job | null>(null)
  const latest = useRef(0)
  const path = `/api/projects/${project.id}/dicom-servers/${encodeURIComponent(server)}`

  async function search(filter: Filter, offset: number): Promise<void> {
    const number = ++latest.current
    const json = { ...filter, date_from: plain(filter.date_from), date_to: plain(filter.date_to), limit: PAGE_SIZE, offset }
    setSearching(true)
    const answer = await api.post<RemoteStudies>(`${path}/search`, { json, idempotent: true })
    if (number !== latest.current) return // another search was started since
    setSearching(false)
    setProblem(answer.error ?? null)
    if (answer.error) return
    setStudies((old) => (offset > 0 && old ? [...old, ...answer.data.items] : answer.data.items))
    setMore(answer.data.more)
  }
  function start(filter: Filter): void {
    setAsked(filter)
    setStudies(null)
    setChosen(new Set())
    void search(filter, 0)
  }
  useEffect(() => { if (server) start(asked) }, [server])

  const jobId = job?.id
  useEffect(() => {
    if (jobId === undefined || !job || isOver(job)) return undefined
    return watchJob(api, jobId, (now) => {
      setJob(now)
      if (now.state !== 'done') return
      uploads.watchImports(project.id, (now.result as unknown as Pulled).imports)
      onPulled()
    })
  }, [jobId])
  async function pull(): Promise<void> {
    const answer = await api.post<Job>(`${path}/pull`, { json: { study_uids: [...chosen] } })
    setProblem(answer.error ?? null)
    if (answer.error) return
    setJob(answer.data)
    setChosen(new Set())
  }
  async function cancel(id: string): Promise<void> {
    const answer = await api.delete<Job>(`/api/jobs/${id}`)
    if (answer.error) setProblem(answer.error)
  }
  function choose(uid: string, on: boolean): void {
    const next = new Set(chosen)
    if (on) next.add(uid)
    else next.delete(uid)
    setChosen(next)
  }

  if (servers.length === 0) {
    return <div class="empty card"><Icon name="archive" size={40} /><h2>{words.noneTitle}</h2><p>{words.noneDetail}</p></div>
  }
  const busy = job !== null && !isOver(job)
  return (
    <>
      <form class="filters" onSubmit={(event) => { event.preventDefault(); start(typed) }}>
        {servers.length > 1 && (
          <select class="select" aria-label={words.server} value={server} onChange={(event) => setServer(event.currentTarget.value)}>
            {servers.map((name) => <option key={name} value={name}>{name}</option>)}
          </select>
        )}
        <input class="input grow" type="search" placeholder={words.patientName} aria-label={words.patientName} value={typed.patient_name}
          onInput={(event) => setTyped({ ...typed, patient_name: event.currentTarget.value })} />
        <input class="input grow" type="search" placeholder={words.patientId} aria-label={words.patientId} value={typed.patient_id}
          onInput={(event) => setTyped({ ...typed, patient_id: event.currentTarget.value })} />
        <select class="select" aria-label={words.modality} value={typed.modality} onChange={(event) => setTyped({ ...typed, modality: event.currentTarget.value })}>
          <option value="">{words.anyModality}</option>
          {MODALITIES.map((name) => <option key={name} value={name}>{name}</option>)}
        </select>
        <input class="input date" type="date" aria-label={words.from} title={words.from} value={typed.date_from}
          onInput={(event) => setTyped({ ...typed, date_from: event.currentTarget.value })} />
        <input class="input date" type="date" aria-label={words.until} title={words.until} value={typed.date_to}
          onInput={(event) => setTyped({ ...typed, date_to: event.currentTarget.value })} />
        <button type="submit" class="button" disabled={searching}><Icon name="search" />{words.search}</button>
      </form>
      <p class="filters-hint">{words.hint}</p>
      {job && <PullNotice job={job} project={project} onCancel={() => void cancel(job.id)} onClose={() => setJob(null)} />}
      {problem && <ProblemNotice problem={problem} onRetry={() => start(asked)} />}
      {!studies && !problem && <TableSkeleton rows={6} />}
      {studies?.length === 0 && <div class="empty card"><h2>{words.noMatch}</h2></div>}
      {studies && studies.length > 0 && (
        <>
          <div class="card">
            <table class="table">
              <thead>
                <tr>
                  <th scope="col" class="tight">
                    <input type="checkbox" aria-label={words.selectAll} checked={studies.every(({ study_uid }) => chosen.has(study_uid))}
                      onChange={(event) => setChosen(new Set(event.currentTarget.checked ? studies.map(({ study_uid }) => study_uid) : []))} />
                  </th>
                  <th scope="col">{words.columns.patient}</th>
                  <th scope="col" class="tight">{words.columns.id}</th>
                  <th scope="col" class="tight">{words.columns.date}</th>
                  <th scope="col">{words.columns.description}</th>
                  <th scope="col" class="tight">{words.columns.modalities}</th>
                  <th scope="col" class="tight">{words.columns.images}</th>
                </tr>
              </thead>
              <tbody>
                {studies.map((study) => (
                  <StudyRow key={study.study_uid} study={study} chosen={chosen.has(study.study_uid)} onChoose={(on) => choose(study.study_uid, on)} />
                ))}
              </tbody>
            </table>
          </div>
          <div class="actions pull-actions">
            {more && <button type="button" class="button" disabled={searching} onClick={() => void search(asked, studies.length)}>{t().common.loadMore}</button>}
            <button type="button" class="button primary" disabled={chosen.size === 0 || busy} onClick={() => void pull()}>
              <Icon name="download" />{words.pull(chosen.size)}
            </button>
          </div>
        </>
      )}
    </>
  )
}

function StudyRow({ study, chosen, onChoose }: { study: RemoteStudy; chosen: boolean; onChoose: (on: boolean) => void }) {
  const words = team().servers
  const name = study.patient_name.split('^').filter(Boolean).join(', ')
  const none = <span class="faint">{t().common.none}</span>
  return (
    <tr>
      <td class="tight"><input type="checkbox" aria-label={words.select(name || study.patient_id || study.study_uid)} checked={chosen} onChange={(event) => onChoose(event.currentTarget.checked)} /></td>
      <td>{name || none}</td>
      <td class="tight soft">{study.patient_id || none}</td>
      <td class="tight soft">{/^\d{8}$/.test(study.date) ? formatDate(dashed(study.date), language.value, new Date()) : none}</td>
      <td>{study.description || none}</td>
      <td class="tight soft">{study.modalities.join(', ') || none}</td>
      <td class="tight soft">{study.instances ?? none}</td>
    </tr>
  )
}

interface Pulled { readonly stored: number; readonly refused: number; readonly imports: readonly string[] }

interface PullNoticeProps { job: Job; project: Project; onCancel: () => void; onClose: () => void }

function PullNotice({ job, project, onCancel, onClose }: PullNoticeProps) {
  const words = team().servers
  if (job.problem) return <ProblemNotice problem={job.problem} />
  const result = job.state === 'done' ? (job.result as unknown as Pulled) : null
  const { done = 0, of = 0 } = job.message_params
  return (
    <div class="notice pull-notice" aria-live="polite">
      <Icon name={result ? 'check' : 'download'} />
      <div class="grow">
        <p>{result ? words.pulled(result.stored, result.refused) : job.state === 'cancelled' ? words.cancelled : words.pulling(done, of)}</p>
        {!isOver(job) && (
          <div class="progress" role="progressbar" aria-label={words.pulling(done, of)} aria-valuemin={0} aria-valuemax={100} aria-valuenow={Math.round(job.progress * 100)}>
            <div style={{ width: `${job.progress * 100}%` }} />
          </div>
        )}
      </div>
      {result && <a class="button" href={hrefTo.project(project.id)}>{words.toCases}</a>}
      {isOver(job)
        ? <button type="button" class="icon-button small" aria-label={t().common.close} onClick={onClose}><Icon name="close" size={16} /></button>
        : <button type="button" class="button quiet" onClick={onCancel}>{t().uploads.cancel}</button>}
    </div>
  )
}

/** "2024-03-15" as DICOM writes it. */
const plain = (date: string): string => date.replaceAll('-', '')
const dashed = (date: string): string => `${date.slice(0, 4)}-${date.slice(4, 6)}-${date.slice(6)}`
