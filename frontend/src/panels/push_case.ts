// Sending the masks of a case to another DICOMweb server: a job does it. Resolves with the reason when it failed.

import type { Client } from '../api/client.ts'
import type { Job, Problem } from '../api/types.ts'
import { finished } from './export_case.ts'

export async function pushCase(api: Client, caseId: string, server: string, annotatorId: string | null): Promise<Problem | null> {
  const started = await api.post<Job>(`/api/cases/${caseId}/push`, { json: { server, annotator_id: annotatorId } })
  if (started.error) return started.error
  const job = await finished(api, started.data)
  return job.state === 'done' ? null : job.problem
}
