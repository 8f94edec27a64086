// A job that somebody waits for on a page: its bar, what it does, a way to stop it.

import { useEffect } from 'preact/hooks'
import type { Client } from '../api/client.ts'
import { watchJob } from '../api/events.ts'
import type { Job } from '../api/types.ts'
import { exchange } from '../i18n/exchange.ts'
import { t } from '../i18n/text.ts'
import { isOver } from './uploads.ts'

/** Keeps `job` in step with the server until it is over or the page is left. */
export function useWatched(api: Client, job: Job | null, onJob: (job: Job) => void): void {
  const id = job !== null && !isOver(job) ? job.id : null
  useEffect(() => (id === null ? undefined : watchJob(api, id, onJob)), [id])
}

export function RunningJob({ title, job, onCancel }: { title: string; job: Job; onCancel: () => void }) {
  return (
    <div class="stack" role="status">
      <ProgressBar title={title} share={job.progress} />
      <div class="inline-form">
        <p class="soft grow">{messageOf(job)}</p>
        <button type="button" class="button quiet" onClick={onCancel}>{t().common.cancel}</button>
      </div>
    </div>
  )
}

export function ProgressBar({ title, share }: { title: string; share: number }) {
  const percent = Math.round(share * 100)
  return (
    <div class="progress" role="progressbar" aria-label={title} aria-valuemin={0} aria-valuemax={100} aria-valuenow={percent}>
      <div style={{ width: `${percent}%` }} />
    </div>
  )
}

function messageOf(job: Job): string {
  const texts: Readonly<Record<string, (numbers: Readonly<Record<string, number>>) => string>> = { ...t().learning.messages, ...exchange().messages }
  if (job.message === '') return exchange().running.queued
  return texts[job.message]?.(job.message_params) ?? job.message
}
