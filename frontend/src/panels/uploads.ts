// Uploads and the imports that follow them, from the first byte to the last outcome. They belong to the application and
// not to a page, so that walking about does not stop them. The panel that shows them is upload_panel.tsx.

import { signal, type ReadonlySignal } from '@preact/signals'
import type { Client } from '../api/client.ts'
import { watchJob } from '../api/events.ts'
import type { FileOutcome, ImportedFile } from '../api/project_types.ts'
import type { Job, Problem } from '../api/types.ts'
import { sendFiles, type NamedFile, type Sending } from '../api/upload.ts'

export interface Upload {
  readonly id: number
  readonly projectId: string
  readonly kind: 'files' | 'samples' | 'pulled'
  readonly fileCount: number
  readonly sentBytes: number
  readonly totalBytes: number
  /** null while bytes are still being sent. */
  readonly job: Job | null
  /** Why it ended before the job could say so. */
  readonly problem: Problem | null
}

export interface Uploads {
  readonly all: ReadonlySignal<readonly Upload[]>
  /** Resolves when the import is over (or could not start), with the upload's last state. */
  send(projectId: string, files: readonly NamedFile[]): Promise<Upload>
  loadSamples(projectId: string): Promise<Upload>
  /** Shows imports that the server began by itself, of studies that came from elsewhere. */
  watchImports(projectId: string, jobIds: readonly string[]): void
  stop(id: number): void
  dismiss(id: number): void
}

export function createUploads(api: Client): Uploads {
  const all = signal<readonly Upload[]>([])
  const sendings = new Map<number, Sending>()
  let lastId = 0

  function begin(start: Omit<Upload, 'id' | 'sentBytes' | 'job' | 'problem'>): number {
    const id = (lastId += 1)
    all.value = [{ ...start, id, sentBytes: 0, job: null, problem: null }, ...all.value]
    return id
  }
  function change(id: number, part: Partial<Upload>): void {
    all.value = all.value.map((upload) => (upload.id === id ? { ...upload, ...part } : upload))
  }
  const find = (id: number) => all.value.find((upload) => upload.id === id)

  async function follow(id: number, projectId: string, answer: { data?: Job; error?: Problem }): Promise<Upload> {
    const last = find(id)!
    if (answer.error) {
      change(id, { problem: answer.error })
      return { ...last, problem: answer.error }
    }
    const first = answer.data!
    change(id, { job: first, sentBytes: last.totalBytes })
    if (isOver(first)) return { ...last, projectId, job: first }
    return new Promise((settle) => {
      watchJob(api, first.id, (job) => {
        change(id, { job })
        if (isOver(job)) settle({ ...last, job })
      })
    })
  }

  async function send(projectId: string, files: readonly NamedFile[]): Promise<Upload> {
    const totalBytes = files.reduce((sum, { file }) => sum + file.size, 0)
    const id = begin({ projectId, kind: 'files', fileCount: files.length, totalBytes })
    const sending = sendFiles(`/api/projects/${projectId}/uploads`, files,
      (sentBytes, requestBytes) => change(id, { sentBytes, totalBytes: requestBytes }))
    sendings.set(id, sending)
    const answer = await sending.answer
    sendings.delete(id)
    return follow(id, projectId, answer)
  }

  async function loadSamples(projectId: string): Promise<Upload> {
    const id = begin({ projectId, kind: 'samples', fileCount: 0, totalBytes: 0 })
    return follow(id, projectId, await api.post<Job>(`/api/projects/${projectId}/samples`))
  }

  function watchImports(projectId: string, jobIds: readonly string[]): void {
    for (const jobId of jobIds) {
      const id = begin({ projectId, kind: 'pulled', fileCount: 0, totalBytes: 0 })
      void api.get<Job>(`/api/jobs/${jobId}`).then((answer) => follow(id, projectId, answer))
    }
  }

  function stop(id: number): void {
    const sending = sendings.get(id)
    const job = find(id)?.job
    if (sending) sending.abort()
    else if (job && !isOver(job)) void api.delete(`/api/jobs/${job.id}`)
  }

  window.addEventListener('beforeunload', (event) => {
    if (sendings.size > 0) event.preventDefault()
  })

  return { all, send, loadSamples, watchImports, stop, dismiss: (id) => { all.value = all.value.filter((upload) => upload.id !== id) } }
}

export function isOver(job: Job): boolean {
  return job.state === 'done' || job.state === 'failed' || job.state === 'cancelled'
}

/** How many files had which outcome, in a fixed order, zeros left out. */
export function countOutcomes(files: readonly ImportedFile[]): ReadonlyArray<{ outcome: FileOutcome; count: number }> {
  const order: readonly FileOutcome[] = ['imported', 'duplicate', 'rejected', 'ignored']
  return order
    .map((outcome) => ({ outcome, count: files.filter((file) => file.outcome === outcome).length }))
    .filter(({ count }) => count > 0)
}

/** Files that say the same are one row: a series of 300 refused files is one sentence, not 300. */
export function groupFiles(files: readonly ImportedFile[]): ReadonlyArray<{ example: ImportedFile; count: number }> {
  const groups = new Map<string, { example: ImportedFile; count: number }>()
  for (const file of files) {
    const key = [file.outcome, file.code, file.detail, file.hint].join('\n')
    const group = groups.get(key)
    if (group) group.count += 1
    else groups.set(key, { example: file, count: 1 })
  }
  return [...groups.values()]
}
