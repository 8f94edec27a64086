// Numbers of agreement: read, and where some are missing computed by a job and read again.

import { useEffect, useState } from 'preact/hooks'
import type { Client } from '../api/client.ts'
import type { Job, Problem } from '../api/types.ts'
import { CANCELLED, finishedJob } from './finished_job.ts'

const MOST_ATTEMPTS = 4

export interface Computed<T> { readonly value: T | null; readonly problem: Problem | null; readonly busy: boolean }

/** `path` answers with how many numbers are `missing`; the job computes those of the whole project, once. */
export function useAgreement<T extends { readonly missing: number; readonly tolerance_mm: number }>(api: Client, projectId: string, path: string): Computed<T> {
  const [state, setState] = useState<Computed<T>>({ value: null, problem: null, busy: true })
  useEffect(() => {
    let left = false
    const put = (next: Computed<T>) => { if (!left) setState(next) }
    void (async () => {
      for (let attempt = 1; !left; attempt++) {
        const known = await api.get<T>(path)
        if (known.error) return put({ value: null, problem: known.error, busy: false })
        put({ value: known.data, problem: null, busy: known.data.missing > 0 })
        if (known.data.missing === 0 || left) return
        const started = await api.post<Job>(`/api/projects/${projectId}/agreement`, { json: { tolerance_mm: known.data.tolerance_mm } })
        const ended = started.error ? started : await finishedJob(api, started.data)
        const superseded = ended.error?.code === CANCELLED // by the same job for another page: it has the numbers
        if (ended.error && !superseded || attempt === MOST_ATTEMPTS) {
          return put({ value: known.data, problem: ended.error ?? null, busy: false })
        }
      }
    })()
    return () => { left = true }
  }, [path])
  return state
}
