// Follows a job: the server's event stream, opened again when it breaks, until the job has ended.
import type { Client } from './client.ts'
import type { Job, JobState } from './types.ts'

/** What is used of the browser's EventSource. */
export interface JobStream {
  addEventListener(type: string, listener: (event: { readonly data?: unknown }) => void): void
  close(): void
}

export interface WatchOptions {
  readonly open?: (url: string) => JobStream
  readonly wait?: (ms: number) => Promise<void>
}

const ENDED: ReadonlySet<JobState> = new Set(['done', 'failed', 'cancelled'])
const DELAYS_MS = [500, 1000, 2000, 5000]

/** Calls `onJob` with every state that arrives, in order. Returns a function that stops watching. */
export function watchJob(api: Client, jobId: string, onJob: (job: Job) => void, options: WatchOptions = {}): () => void {
  const open = options.open ?? ((url) => new EventSource(url) as JobStream)
  const wait = options.wait ?? ((ms) => new Promise((done) => setTimeout(done, ms)))
  let stream: JobStream | null = null
  let stopped = false
  let failures = 0

  const stop = () => {
    stopped = true
    stream?.close()
  }
  const take = (job: Job) => {
    if (stopped) return
    failures = 0
    if (ENDED.has(job.state)) stop()
    onJob(job)
  }
  const connect = () => {
    stream = open(`/api/jobs/${jobId}/events`)
    stream.addEventListener('job', (event) => take(JSON.parse(String(event.data)) as Job))
    stream.addEventListener('error', () => void again())
  }
  /** A broken stream may have missed the end: ask once, then listen again. */
  const again = async () => {
    stream?.close()
    if (stopped) return
    await wait(DELAYS_MS[Math.min(failures++, DELAYS_MS.length - 1)])
    if (stopped) return
    const { data } = await api.get<Job>(`/api/jobs/${jobId}`)
    if (data) take(data)
    if (!stopped) connect()
  }
  connect()
  return stop
}
