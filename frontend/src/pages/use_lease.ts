// Saying that one has a case open, again and again while the page is, and learning who else has.

import { useCallback, useEffect, useState } from 'preact/hooks'
import type { Client } from '../api/client.ts'
import type { Lease } from '../api/project_types.ts'

const RENEW_MS = 30_000

export interface CaseLease {
  /** Who else has it open; null when nobody has. */
  readonly other: string | null
  takeOver(): Promise<void>
}

/** Takes the lease of a case while `wanted`; it is given back when the page is left. */
export function useLease(api: Client, caseId: string, wanted: boolean): CaseLease {
  const [other, setOther] = useState<string | null>(null)
  const ask = useCallback(async (take_over: boolean, signal?: AbortSignal) => {
    const options = { json: { take_over }, idempotent: true, ...(signal ? { signal } : {}) }
    const answer = await api.post<Lease>(`/api/cases/${caseId}/lease`, options)
    if (answer.data && !signal?.aborted) setOther(answer.data.mine ? null : answer.data.holder.name)
  }, [caseId])

  useEffect(() => {
    if (!wanted) return
    const left = new AbortController()
    void ask(false, left.signal)
    const timer = setInterval(() => void ask(false, left.signal), RENEW_MS)
    const release = () => void api.delete<void>(`/api/cases/${caseId}/lease`)
    addEventListener('pagehide', release)
    return () => {
      left.abort()
      clearInterval(timer)
      removeEventListener('pagehide', release)
      release()
    }
  }, [caseId, wanted])

  return { other, takeOver: () => ask(true) }
}
