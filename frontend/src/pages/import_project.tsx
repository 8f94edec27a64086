// The dialog that brings in the archive of a project: choose the file, watch it come in, go there.

import { useId, useRef, useState } from 'preact/hooks'
import type { Job, Problem } from '../api/types.ts'
import { sendFiles, type Sending } from '../api/upload.ts'
import { exchange } from '../i18n/exchange.ts'
import { t } from '../i18n/text.ts'
import { Dialog } from '../panels/dialog.tsx'
import { ProblemNotice } from '../panels/problem_notice.tsx'
import { ProgressBar, RunningJob, useWatched } from '../panels/running_job.tsx'
import { isOver } from '../panels/uploads.ts'
import { useApp } from './app_state.ts'
import { hrefTo } from './router.ts'

interface Restored { readonly project_id: string; readonly name: string; readonly people_kept: number }

export function ImportProjectDialog({ onClose }: { onClose: () => void }) {
  const { api, router, toasts } = useApp()
  const text = exchange().import
  const [file, setFile] = useState<File | null>(null)
  const [name, setName] = useState('')
  const [sent, setSent] = useState<number | null>(null)
  const [job, setJob] = useState<Job | null>(null)
  const [problem, setProblem] = useState<Problem | null>(null)
  const [missing, setMissing] = useState(false)
  const sending = useRef<Sending | null>(null)
  const id = useId()
  useWatched(api, job, (now) => {
    setJob(now)
    if (now.state === 'done') arrive(now.result as unknown as Restored)
  })

  function arrive(restored: Restored): void {
    const kept = restored.people_kept > 0 ? ` ${text.kept(restored.people_kept)}` : ''
    toasts.say(text.done(restored.name) + kept)
    router.navigate(hrefTo.project(restored.project_id))
  }
  async function start(): Promise<void> {
    setMissing(file === null)
    if (file === null || sent !== null || running) return
    setProblem(null)
    setJob(null)
    setSent(0)
    const query = name.trim() ? `?${new URLSearchParams({ name: name.trim() }).toString()}` : ''
    sending.current = sendFiles(`/api/projects/import${query}`, [{ file, path: file.name }], (bytes, total) => setSent(bytes / total))
    const answer = await sending.current.answer
    setSent(null)
    setProblem(answer.error ?? null)
    setJob(answer.data ?? null)
  }
  function close(): void {
    sending.current?.abort()
    onClose()
  }
  const running = job !== null && !isOver(job)
  const busy = running || sent !== null
  const trouble = problem ?? job?.problem ?? null
  return (
    <Dialog title={text.title} onClose={close} onSubmit={() => void start()} footer={<>
      <button type="button" class="button quiet" onClick={close}>{t().common.cancel}</button>
      <button class="button primary" disabled={busy}>{busy && <span class="spinner" />}{text.start}</button>
    </>}>
      <div class="stack">
        <p class="soft">{text.detail}</p>
        {trouble && <ProblemNotice problem={trouble} />}
        <div class="field">
          <label class="name" for={`${id}f`}>{text.file}</label>
          <input id={`${id}f`} class="input" type="file" accept=".zip" autoFocus disabled={busy} aria-invalid={missing}
            onChange={(event) => { setFile(event.currentTarget.files?.[0] ?? null); setMissing(false) }} />
          {missing && <p class="wrong" role="alert">{text.missing}</p>}
        </div>
        <div class="field">
          <label class="name" for={`${id}n`}>{text.name} <span class="faint">({t().common.optional})</span></label>
          <input id={`${id}n`} class="input" maxLength={120} value={name} disabled={busy} aria-describedby={`${id}h`} onInput={(event) => setName(event.currentTarget.value)} />
          <p id={`${id}h`} class="hint">{text.nameHint}</p>
        </div>
        {sent !== null && <><ProgressBar title={text.title} share={sent} /><p class="soft">{text.sending(`${Math.round(sent * 100)} %`)}</p></>}
        {running && <RunningJob title={text.title} job={job} onCancel={() => void api.delete(`/api/jobs/${job.id}`)} />}
        {job?.state === 'cancelled' && <p class="soft" role="status">{exchange().running.cancelled}</p>}
      </div>
    </Dialog>
  )
}
