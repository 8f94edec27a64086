// Prompts -> prediction. Asks for the draft of the visible slice, newest prompts win, older answers are ignored. Requests
// encodings ahead for the visible slice and its neighbours. Says how it is doing and recovers by itself when a worker or
// the connection comes back.
import { batch, computed, effect, signal, type ReadonlySignal } from '@preact/signals-core'

import { ABORTED, OFFLINE, type Client } from '../api/client.ts'
import type { EncodingsOut, PredictionOut, Problem, SystemOut } from '../api/types.ts'
import type { Answer, Draft } from '../viewer/draft.ts'
import type { Session } from '../viewer/session.ts'
import type { AssistantState } from './annotator.ts'
import { Preview } from './preview.ts'
import { answerOf, questionOf } from './question.ts'

export interface AssistantOptions {
  readonly api: Client
  readonly volumeId: string
  readonly session: Session
  readonly wait?: (ms: number) => Promise<void>
}

const SETTLE_MS = 150
const POLL_MS = 600
const RECOVER_MS = 3000
const NEIGHBOURS = 2

type Trouble = Extract<AssistantState, { kind: 'no_worker' | 'offline' | 'failed' }>

export class Assistant {
  readonly #options: AssistantOptions
  readonly #session: Session
  readonly #wait: (ms: number) => Promise<void>
  readonly #trouble = signal<Trouble | null>(null)
  readonly #asking = signal<{ readonly draftId: number; readonly slice: number } | null>(null)
  readonly #encoded = signal<ReadonlySet<number>>(new Set())
  readonly #model = signal<string | null>(null)
  readonly #preview: Preview
  #request: AbortController | null = null
  #refusedId: number | null = null
  #ahead = 0
  #recovering = false
  #stops: readonly (() => void)[] = []

  constructor(options: AssistantOptions) {
    this.#options = options
    this.#session = options.session
    this.#wait = options.wait ?? ((ms) => new Promise((done) => setTimeout(done, ms)))
    const { api, volumeId, session } = options
    const wanted = computed(() => this.previews.value && this.#trouble.value === null)
    this.#preview = new Preview({ api, volumeId, session, wanted, encoded: this.encoded, wait: this.#wait })
  }

  readonly encoded: ReadonlySignal<ReadonlySet<number>> = this.#encoded
  readonly model: ReadonlySignal<string | null> = this.#model
  /** What a click would give is shown while the pointer rests. */
  readonly previews = signal(true)
  readonly state = computed<AssistantState>(() => {
    const trouble = this.#trouble.value
    if (trouble) return trouble
    const asking = this.#asking.value
    if (asking) return { kind: this.#encoded.value.has(asking.slice) ? 'asking' : 'encoding' }
    const { view, canDraw } = this.#session // nobody can click on a picture that is not there yet
    const usable = view.image.value !== null && this.#encoded.value.has(view.slice.value)
    return { kind: canDraw.value && !usable ? 'encoding' : 'ready' }
  })

  start(): void {
    this.#stops = [
      this.#preview.start(),
      effect(() => {
        const draft = this.#session.draft.value
        if (this.#recovering || !needsAnswer(draft) || draft.id === this.#refusedId) return
        if (this.#asking.peek()?.draftId !== draft.id) void this.#ask(draft)
      }),
      effect(() => {
        const { axis, slice } = this.#session.view
        if (axis.value === 0) void this.#encodeAhead(slice.value)
      }),
      effect(() => { // the draft was taken back while its answer was on the way
        const asking = this.#asking.value
        const draft = asking && this.#session.drafts.value.get(asking.slice)
        if (asking && draft?.id !== asking.draftId) this.#giveUp()
      }),
    ]
  }

  stop(): void {
    this.#giveUp()
    this.#ahead++
    for (const stop of this.#stops) stop()
    this.#stops = []
  }

  #giveUp(): void {
    this.#request?.abort()
    this.#request = null
    this.#asking.value = null
  }

  async #ask(draft: Draft): Promise<void> {
    this.#request?.abort()
    const known = this.#preview.answerTo(draft)
    if (known !== null) {
      this.#giveUp()
      return this.#answer(draft, known)
    }
    const request = new AbortController()
    this.#request = request
    this.#asking.value = { draftId: draft.id, slice: draft.slice }
    const { data, error } = await this.#options.api.post<PredictionOut>(this.#url('predictions'), {
      json: questionOf(draft), signal: request.signal, idempotent: false,
    })
    if (this.#request !== request) return // newer prompts have been asked about
    batch(() => {
      this.#request = null
      this.#asking.value = null
      if (error) {
        if (error.code !== ABORTED) this.#stumble(error, draft.id)
        return
      }
      this.#trouble.value = null
      this.#answer(draft, answerOf(data, draft))
    })
  }

  #answer(draft: Draft, answer: Answer): void {
    batch(() => {
      this.#model.value = answer.model
      this.#markEncoded([draft.slice])
      this.#session.answer(draft.id, answer)
    })
  }

  /** Waits until the reader has settled on a slice, then has it and its neighbours encoded; watches until they are. */
  async #encodeAhead(slice: number): Promise<void> {
    const turn = ++this.#ahead
    await this.#wait(SETTLE_MS)
    if (turn !== this.#ahead || this.#recovering) return
    const wanted = this.#neighbourhood(slice).filter((n) => this.#trouble.peek() !== null || !this.#encoded.peek().has(n))
    while (wanted.length > 0) { // asked for anew each time: what a lost worker had taken is queued again
      const { data, error } = await this.#options.api.post<EncodingsOut>(this.#url('encodings'), {
        json: { slices: wanted }, idempotent: true,
      })
      if (turn !== this.#ahead) return
      if (error) {
        this.#stumble(error, null)
        return
      }
      if (this.#trouble.peek()?.kind !== 'failed') this.#trouble.value = null
      this.#model.value = data.model
      this.#markEncoded(data.ready)
      if (wanted.every((n) => this.#encoded.peek().has(n))) return
      await this.#wait(POLL_MS)
      if (turn !== this.#ahead) return
    }
  }

  #neighbourhood(slice: number): readonly number[] {
    const slices = [slice]
    for (let step = 1; step <= NEIGHBOURS; step++) slices.push(slice + step, slice - step)
    return slices.filter((n) => n >= 0 && n < this.#session.view.volume.shapeKji[0])
  }

  #markEncoded(slices: readonly number[]): void {
    if (slices.every((n) => this.#encoded.peek().has(n))) return
    this.#encoded.value = new Set([...this.#encoded.peek(), ...slices])
  }

  #stumble(error: Problem, draftId: number | null): void {
    if (error.code === OFFLINE) this.#trouble.value = { kind: 'offline' }
    else if ((error.status ?? 0) === 503 || error.status === 504) this.#trouble.value = { kind: 'no_worker', problem: error }
    else {
      this.#trouble.value = { kind: 'failed', problem: error }
      this.#refusedId = draftId // the same question would be refused again; the next prompt asks anew
      return
    }
    void this.#recover()
  }

  /** Looks for the server and its workers until both are there, then asks what is still unanswered. */
  async #recover(): Promise<void> {
    if (this.#recovering) return
    this.#recovering = true
    while (this.#stops.length > 0) {
      await this.#wait(RECOVER_MS)
      const { data, error } = await this.#options.api.get<SystemOut>('/api/system')
      if (data && (data.workers.click ?? 0) > 0) break
      if (error?.code === OFFLINE) this.#trouble.value = { kind: 'offline' }
      else if (this.#trouble.peek()?.kind !== 'no_worker') this.#trouble.value = { kind: 'no_worker', problem: error ?? null }
    }
    this.#recovering = false
    if (this.#stops.length === 0) return
    // The trouble is over when a request succeeds, not before: the state must not flicker.
    const draft = this.#session.draft.peek()
    if (needsAnswer(draft)) void this.#ask(draft)
    if (this.#session.view.axis.peek() === 0) void this.#encodeAhead(this.#session.view.slice.peek())
  }

  #url(what: 'predictions' | 'encodings'): string {
    return `/api/volumes/${this.#options.volumeId}/${what}`
  }
}

function needsAnswer(draft: Draft | null): draft is Draft {
  return draft !== null && !draft.held && !draft.answered && draft.prompts.length > 0
}
