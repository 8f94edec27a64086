// Exporting a case: a job makes the file, the browser downloads it. Resolves with the reason when it failed.

import type { Client } from '../api/client.ts'
import { watchJob } from '../api/events.ts'
import type { Job, Problem } from '../api/types.ts'
import { isOver } from './uploads.ts'

/** In the order of the menu; the last one is of what was measured, the others are of masks. */
export const EXPORT_FORMATS = ['nifti', 'nrrd', 'dicom-seg', 'dicom-seg-labelmap', 'rtstruct', 'png', 'coco', 'dicom-sr'] as const
export type ExportFormat = (typeof EXPORT_FORMATS)[number]

/** Where a browser finds what was measured on a case, and the figures of its labels. */
export function measurementFiles(caseId: string): { readonly csv: string; readonly json: string } {
  const address = `/api/cases/${caseId}/measurements`
  return { csv: `${address}.csv`, json: address }
}

/** `annotatorId`: whose masks; null: those that the server chooses. */
export async function exportCase(api: Client, caseId: string, format: ExportFormat, annotatorId: string | null): Promise<Problem | null> {
  const started = await api.post<Job>('/api/jobs', { json: { kind: 'export', case_id: caseId, format, annotator_id: annotatorId } })
  if (started.error) return started.error
  const job = await finished(api, started.data)
  if (job.state !== 'done') return job.problem
  const link = document.createElement('a')
  link.href = `/api/jobs/${job.id}/download`
  link.download = ''
  link.click()
  return null
}

/** The job once it has ended. */
export function finished(api: Client, job: Job): Promise<Job> {
  if (isOver(job)) return Promise.resolve(job)
  return new Promise((settle) => {
    watchJob(api, job.id, (now) => { if (isOver(now)) settle(now) })
  })
}
