// The whole project as one file: what goes into it, the job that makes it, its download.

import { useId, useState } from 'preact/hooks'
import type { Project } from '../api/project_types.ts'
import type { Job, Problem } from '../api/types.ts'
import { exchange } from '../i18n/exchange.ts'
import { formatBytes } from '../i18n/format.ts'
import { language } from '../i18n/text.ts'
import { Icon } from '../panels/icon.tsx'
import { ProblemNotice } from '../panels/problem_notice.tsx'
import { RunningJob, useWatched } from '../panels/running_job.tsx'
import { isOver } from '../panels/uploads.ts'
import { useApp } from './app_state.ts'

export function ProjectExport({ project }: { project: Project }) {
  const { api } = useApp()
  const text = exchange().export
  const [images, setImages] = useState(true)
  const [masks, setMasks] = useState(true)
  const [job, setJob] = useState<Job | null>(null)
  const [problem, setProblem] = useState<Problem | null>(null)
  const id = useId()
  useWatched(api, job, setJob)

  async function start(): Promise<void> {
    const answer = await api.post<Job>(`/api/projects/${project.id}/export`, { json: { images, masks } })
    setProblem(answer.error ?? null)
    setJob(answer.data ?? null)
  }
  const running = job !== null && !isOver(job)
  const trouble = problem ?? job?.problem ?? null
  const size = job?.state === 'done' ? Number(job.result?.size_bytes) : null
  return (
    <section class="card pad stack">
      <h2>{text.title}</h2>
      <p class="soft">{text.detail}</p>
      <Choice id={`${id}i`} label={text.images} hint={text.imagesHint} checked={images} disabled={running} onChange={setImages} />
      <Choice id={`${id}m`} label={text.masks} hint={text.masksHint} checked={masks} disabled={running} onChange={setMasks} />
      {trouble && <ProblemNotice problem={trouble} />}
      {running
        ? <RunningJob title={text.title} job={job} onCancel={() => void api.delete(`/api/jobs/${job.id}`)} />
        : <div><button type="button" class="button" onClick={() => void start()}>{text.start}</button></div>}
      {job?.state === 'cancelled' && <p class="soft" role="status">{exchange().running.cancelled}</p>}
      {size !== null && (
        <div class="notice" role="status">
          <Icon name="check" />
          <p>{text.done(formatBytes(size, language.value))} <a href={`/api/jobs/${job!.id}/download`} download>{text.download}</a></p>
        </div>
      )}
    </section>
  )
}

interface ChoiceProps { id: string; label: string; hint: string; checked: boolean; disabled: boolean; onChange: (checked: boolean) => void }

function Choice({ id, label, hint, checked, disabled, onChange }: ChoiceProps) {
  return (
    <div class="field">
      <label class="check">
        <input type="checkbox" checked={checked} disabled={disabled} aria-describedby={id} onChange={(event) => onChange(event.currentTarget.checked)} />
        {label}
      </label>
      <p id={id} class="hint">{hint}</p>
    </div>
  )
}
