// Waits for the end of a job that takes seconds.

import { problem, type Client, type Result } from '../api/client.ts'
import type { Job } from '../api/types.ts'

/** The code of a job that somebody cancelled, or that a newer one took the place of. */
export const CANCELLED = 'job_cancelled'

const LOOK_MS = 400

/** The job when it is done, or why it is not. */
export async function finishedJob(api: Client, job: Job): Promise<Result<Job>> {
  let now = job
  while (now.state === 'queued' || now.state === 'running') {
    await new Promise((done) => setTimeout(done, LOOK_MS))
    const answer = await api.get<Job>(`/api/jobs/${job.id}`)
    if (answer.error) return answer
    now = answer.data
  }
  if (now.state === 'done') return { data: now }
  return { error: now.problem ?? problem(CANCELLED, 'The job was cancelled', '') }
}
