// What the machine learns of the labels of a volume, as the server knows it, and the jobs that learn and propose: started,
// watched, cancelled. Which masks they propose is review.ts. Everything here comes from the server, so it survives a reload.
import { batch, computed, effect, signal, type ReadonlySignal } from '@preact/signals-core'

import type { Client } from '../api/client.ts'
import { watchJob, type JobStream } from '../api/events.ts'
import type { Generator, Job, JobKind, Label, LabelLearning, LearnedPrompt, LearningJobIn, Me, Page, Problem } from '../api/types.ts'

export interface LearningOptions {
  readonly api: Client
  readonly volumeId: string
  readonly activeLabelId: ReadonlySignal<string | null>
  /** Whether learning starts by itself, as the account says. */
  readonly automatic: boolean
  /** A job of this label has made proposals; `ended`: it will make no more. */
  readonly onProposals: (labelId: string, ended: boolean) => void
  readonly open?: (url: string) => JobStream
  readonly wait?: (ms: number) => Promise<void>
}

/** Slices from which there is something to learn, and from which proposals become good. */
export const LEAST_EXAMPLES = 2
export const ENOUGH_EXAMPLES = 5

/** Event streams at once: browsers open six connections to one server, and clicks must find a free one. */
const MOST_WATCHED = 2
const SETTLE_MS = 300
const PROPOSING: ReadonlySet<JobKind> = new Set(['auto_segment', 'propagate'])

export const isUnfinished = ({ state }: Job): boolean => state === 'queued' || state === 'running'

export class Learning {
  readonly #options: LearningOptions
  readonly #labels = signal<ReadonlyMap<string, LabelLearning>>(new Map())
  readonly #automatic
  readonly #refused = signal<ReadonlyMap<string, Problem>>(new Map()) // by label
  readonly #watched = new Map<string, () => void>() // by job
  #stops: readonly (() => void)[] = []
  readonly #wait: (ms: number) => Promise<void>
  #turn = 0
  #soon = 0

  /** How "segment the rest" finds its prompts. */
  readonly generator = signal<Generator>('sapnet')

  constructor(options: LearningOptions) {
    this.#options = options
    this.#automatic = signal(options.automatic)
    this.#wait = options.wait ?? ((ms) => new Promise((done) => setTimeout(done, ms)))
  }

  /** Of the active label; null until the server has told. */
  readonly label = computed<LabelLearning | null>(() => this.#labels.value.get(this.#options.activeLabelId.value ?? '') ?? null)
  /** Why the last thing that was asked for the active label was not done. */
  readonly refused = computed<Problem | null>(() => this.#refused.value.get(this.#options.activeLabelId.value ?? '') ?? null)
  /** The newest job that learns. */
  readonly learning = computed<Job | null>(() => this.#job('learn_prompt'))
  /** The newest job that proposes. */
  readonly proposing = computed<Job | null>(() => {
    const jobs = [this.#job('auto_segment'), this.#job('propagate')].filter((job) => job !== null)
    return jobs.toSorted((a, b) => b.created_at.localeCompare(a.created_at))[0] ?? null
  })
  /** How many annotated slices are missing before there is something to learn from. */
  readonly missing = computed(() => Math.max(0, LEAST_EXAMPLES - (this.label.value?.examples ?? 0)))

  get automatic(): ReadonlySignal<boolean> {
    return this.#automatic
  }

  start(): void {
    const { api, activeLabelId } = this.#options
    this.#stops = [
      effect(() => { // at the beginning, and whenever the server is back
        if (api.online.value) void this.refresh()
      }),
      effect(() => {
        void activeLabelId.value
        this.#watch()
      }),
    ]
  }

  close(): void {
    this.#turn++
    for (const stop of [...this.#stops, ...this.#watched.values()]) stop()
    this.#stops = []
    this.#watched.clear()
  }

  /** Asks the server for everything: what was learned, the jobs, what answers a click. */
  async refresh(): Promise<void> {
    const turn = ++this.#turn
    const { data, error } = await this.#options.api.get<Page<LabelLearning>>(`/api/volumes/${this.#options.volumeId}/learning`)
    if (turn !== this.#turn || error) return // the banner tells that there is no connection; it is asked again when there is
    this.#labels.value = new Map(data.items.map((label) => [label.label_id, label]))
    this.#watch()
  }

  /** Asks soon: several revisions that arrive together are one question. */
  async refreshSoon(): Promise<void> {
    const turn = ++this.#soon
    await this.#wait(SETTLE_MS)
    if (turn === this.#soon && this.#stops.length > 0) await this.refresh()
  }

  /** Teaches the model the active label now. */
  learn(): Promise<void> {
    return this.#start({ kind: 'learn_prompt' })
  }

  /** Proposes a mask on every slice that is not annotated. */
  segmentRest(): Promise<void> {
    return this.#start({ kind: 'auto_segment', generator: this.generator.peek() })
  }

  /** Follows the label from a slice, both ways, until it is lost. */
  propagate(slice: number): Promise<void> {
    return this.#start({ kind: 'propagate', slice })
  }

  async cancel(job: Job): Promise<void> {
    const { error } = await this.#options.api.delete<Job>(`/api/jobs/${job.id}`)
    if (error && error.code !== 'job_is_over') this.#refuse(this.#options.activeLabelId.peek(), error)
    await this.refresh()
  }

  /** Lets what was learned last answer the clicks, or the plain model. */
  async use(learned: LearnedPrompt, on: boolean): Promise<void> {
    const { error } = await this.#options.api.patch<LearnedPrompt>(`/api/learned-prompts/${learned.id}`, { json: { active: on }, idempotent: true })
    this.#refuse(learned.label_id, error ?? null)
    await this.refresh()
  }

  /** Lets what the project keeps for the active label answer the clicks here, or the plain model. */
  async useWarmStart(on: boolean): Promise<void> {
    const labelId = this.#options.activeLabelId.peek()
    const url = `/api/volumes/${this.#options.volumeId}/learning/${labelId}`
    const { error } = await this.#options.api.patch<null>(url, { json: { warm_start: on }, idempotent: true })
    this.#refuse(labelId, error ?? null)
    await this.refresh()
  }

  /** Keeps what was learned for the next cases of the project, or keeps nothing. */
  async keepForNext(learned: LearnedPrompt, on: boolean): Promise<void> {
    const json = { warm_start_id: on ? learned.id : null }
    const { error } = await this.#options.api.patch<Label>(`/api/labels/${learned.label_id}`, { json, idempotent: true })
    this.#refuse(learned.label_id, error ?? null)
    await this.refresh()
  }

  async setAutomatic(on: boolean): Promise<void> {
    const before = this.#automatic.peek()
    this.#automatic.value = on
    const { error } = await this.#options.api.patch<Me>('/api/me', { json: { auto_learn: on }, idempotent: true })
    if (!error) return
    this.#automatic.value = before
    this.#refuse(this.#options.activeLabelId.peek(), error)
  }

  async #start(what: Pick<LearningJobIn, 'kind'> & Partial<Record<'generator' | 'slice', unknown>>): Promise<void> {
    const labelId = this.#options.activeLabelId.peek()
    if (labelId === null) return
    const json = { ...what, volume_id: this.#options.volumeId, label_id: labelId }
    const { data, error } = await this.#options.api.post<Job>('/api/jobs', { json, idempotent: false })
    batch(() => {
      this.#refuse(labelId, error ?? null)
      if (data) this.#take(labelId, data)
    })
    await this.refresh()
  }

  #refuse(labelId: string | null, problem: Problem | null): void {
    if (labelId === null) return
    const refused = new Map(this.#refused.value)
    if (problem === null) refused.delete(labelId)
    else refused.set(labelId, problem)
    this.#refused.value = refused
  }

  #job(kind: JobKind): Job | null {
    return this.label.value?.jobs.find((job) => job.kind === kind) ?? null
  }

  #take(labelId: string, job: Job): void {
    const label = this.#labels.peek().get(labelId)
    if (!label) return
    const jobs = [...label.jobs.filter(({ kind }) => kind !== job.kind), job]
    this.#labels.value = new Map(this.#labels.peek()).set(labelId, { ...label, jobs })
  }

  /** Follows the unfinished jobs, those of the active label first, as many at once as may be. */
  #watch(): void {
    const active = this.#options.activeLabelId.peek()
    const unfinished = [...this.#labels.peek().values()]
      .flatMap(({ label_id: labelId, jobs }) => jobs.filter(isUnfinished).map((job) => ({ labelId, job })))
      .toSorted((a, b) => rank(a, active) - rank(b, active)).slice(0, MOST_WATCHED)
    const wanted = new Set(unfinished.map(({ job }) => job.id))
    for (const [id, stop] of this.#watched) {
      if (wanted.has(id)) continue
      stop()
      this.#watched.delete(id)
    }
    const { api, open } = this.#options
    const watching = { wait: this.#wait, ...(open ? { open } : {}) }
    for (const { labelId, job } of unfinished) {
      if (this.#watched.has(job.id)) continue
      this.#watched.set(job.id, watchJob(api, job.id, (now) => this.#heard(labelId, now), watching))
    }
  }

  #heard(labelId: string, job: Job): void {
    const ended = !isUnfinished(job)
    this.#take(labelId, job)
    if (PROPOSING.has(job.kind)) this.#options.onProposals(labelId, ended)
    if (!ended) return
    this.#watched.delete(job.id)
    void this.refresh()
  }
}

function rank({ labelId, job }: { labelId: string; job: Job }, active: string | null): number {
  return (labelId === active ? 0 : 2) + (job.state === 'running' ? 0 : 1)
}
