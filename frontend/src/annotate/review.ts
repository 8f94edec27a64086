// Suggestions from the server into the session, and what a person decides about them back to the server. Accepting makes a
// revision there, so it goes through the outbox, which keeps the order; turning down and opening again is decisions.ts.
import { batch, computed, signal, type ReadonlySignal } from '@preact/signals-core'

import type { Client } from '../api/client.ts'
import type { AcceptedOut, AcceptedPicturesOut, Page, Problem, ProposalOut, Telemetry } from '../api/types.ts'
import type { BoxPrompt, Prompt } from '../viewer/draft.ts'
import { fromCoco } from '../viewer/mask.ts'
import type { Decision, Session } from '../viewer/session.ts'
import type { Suggestion } from '../viewer/suggestions.ts'
import { Decisions } from './decisions.ts'
import { emptyBetween, nextLeastCertain, nextUseful, type Progress } from './next_slice.ts'
import type { Outbox } from './outbox.ts'
import type { OutboxStorage } from './outbox_storage.ts'

export interface ReviewOptions {
  readonly api: Client
  readonly projectId: string
  readonly volumeId: string
  readonly session: Session
  readonly outbox: Outbox
  /** Where decisions wait for the server. */
  readonly storage: OutboxStorage
  readonly newId: () => string
  readonly telemetry: () => Telemetry
  /** Takes the server's masks of a label in place of ours; says why if that fails. */
  readonly onStale: (labelId: string) => Promise<Problem | null>
  readonly wait?: (ms: number) => Promise<void>
}

const FIRST_CONFIDENCE = 0.8
const NOT_FOUND = 'proposal_not_found'

export class Review {
  readonly #options: ReviewOptions
  readonly #session: Session
  readonly #problem = signal<Problem | null>(null)
  readonly #busy = signal(false)
  readonly #pictures = signal<number | null>(null)
  readonly #walkedTo = signal<number | null>(null)
  readonly #newest = new Map<string, string>() // by label: the newest proposal that was read
  readonly #reading = new Map<string, Promise<void>>() // by label
  readonly #decisions: Decisions

  /** "Accept all" means those from this confidence on. */
  readonly confidence = signal(FIRST_CONFIDENCE)

  constructor(options: ReviewOptions) {
    this.#options = options
    this.#session = options.session
    const { api, storage, volumeId, newId, outbox, wait } = options
    this.#decisions = new Decisions({
      api, storage, volumeId, newId, revisions: () => outbox.flush(), onTold: (labelId, error) => this.#told(labelId, error),
      ...(wait ? { wait } : {}),
    })
  }

  /** Why the last decision was not kept. */
  readonly problem: ReadonlySignal<Problem | null> = this.#problem
  readonly busy: ReadonlySignal<boolean> = this.#busy
  /** On how many pictures the last `acceptPictures` decided. */
  readonly pictures: ReadonlySignal<number | null> = this.#pictures
  /** Of the active label, by slice. */
  readonly open = computed<ReadonlyMap<number, Suggestion>>(() => this.#session.suggestions.openOf(this.#session.activeLabelId.value))
  readonly sure = computed<readonly Suggestion[]>(() => [...this.open.value.values()].filter(({ confidence }) => confidence >= this.confidence.value))
  readonly progress = computed<Progress>(() => {
    const { view, activeLabelId } = this.#session
    return { current: view.axis.value === 0 ? view.slice.value : -1, ...this.#known(activeLabelId.value ?? '') }
  })
  /** The next in the walk from least to most certain; it begins anew when one has left it. */
  readonly leastCertain = computed(() => {
    const progress = this.progress.value
    const first = nextLeastCertain({ ...progress, current: -1 })
    return this.#walkedTo.value === progress.current || first === progress.current ? nextLeastCertain(progress) : first
  })
  readonly useful = computed(() => nextUseful(this.progress.value))

  /** Shows it. */
  walk(): void {
    const next = this.leastCertain.peek()
    if (next === null) return
    this.#walkedTo.value = next
    this.#session.view.setAxis(0)
    this.#session.view.setSlice(next)
  }

  /** Slices between annotated ones of a label where nothing is drawn, proposed or said. */
  emptyBetween(labelId: string): readonly number[] {
    return emptyBetween(this.#known(labelId))
  }

  #known(labelId: string): Omit<Progress, 'current'> {
    const { masks, suggestions, changes } = this.#session
    void changes.value
    return {
      annotated: masks.slices(labelId).toSorted((a, b) => a - b),
      open: new Map([...suggestions.openOf(labelId)].map(([slice, { confidence }]) => [slice, confidence])),
      absent: new Set([...suggestions.declinedOf(labelId)].flatMap(([slice, as]) => (as === 'absent' ? [slice] : []))),
    }
  }

  /** Takes up what an earlier page could not tell the server, and shows what that one has. */
  async start(): Promise<void> {
    await this.#decisions.open()
    await this.load()
    this.#decisions.start()
  }

  close(): void {
    this.#decisions.close()
  }

  // -- from the server --
  /** Everything of one label, or of all labels. */
  async load(labelId: string | null = null): Promise<void> {
    const waiting = this.#decisions.waiting
    const states = ['open', 'rejected', 'absent'] as const
    const answers = await Promise.all(states.map((state) => this.#read({ label_id: labelId, state })))
    const [open, rejected, absent] = answers
    if (!open || !rejected || !absent) return // asked again with the next job or reload
    const labels = labelId === null ? new Set([...open, ...rejected, ...absent].map(({ label_id }) => label_id)) : [labelId]
    batch(() => {
      for (const label of labels) {
        const of = (proposals: readonly ProposalOut[]) => proposals.filter(({ label_id }) => label_id === label)
        const declined = [...of(rejected), ...of(absent)].toSorted((a, b) => (a.id < b.id ? -1 : 1))
        const now = this.#decisions.applied(label, of(open), declined, waiting)
        this.#session.suggestions.replace(label, now.open.map(suggestionOf), now.declined)
        this.#remember(label, of(open))
      }
    })
  }

  /** What has come since the last look. `all`: also what has gone. */
  update(labelId: string, all: boolean): Promise<void> {
    const going = this.#reading.get(labelId)
    if (going && !all) return going // the job says something often; one look at a time is enough
    const next = (going ?? Promise.resolve()).then(() => (all ? this.load(labelId) : this.#loadNew(labelId)))
    this.#reading.set(labelId, next)
    return next.finally(() => { if (this.#reading.get(labelId) === next) this.#reading.delete(labelId) })
  }

  async #loadNew(labelId: string): Promise<void> {
    const after = this.#newest.get(labelId) ?? null
    const proposals = await this.#read({ label_id: labelId, after })
    if (!proposals) return
    this.#remember(labelId, proposals)
    const { suggestions, masks } = this.#session
    suggestions.put(proposals.filter(({ slice }) => !masks.has(labelId, slice)).map(suggestionOf)) // drawn on since
  }

  async #read(query: Record<string, string | null>): Promise<readonly ProposalOut[] | null> {
    const { data } = await this.#options.api.get<Page<ProposalOut>>(this.#url(), { query })
    return data?.items ?? null
  }

  #remember(labelId: string, proposals: readonly ProposalOut[]): void {
    for (const { id } of proposals) if (id > (this.#newest.get(labelId) ?? '')) this.#newest.set(labelId, id)
  }

  // -- to the server --
  /** Makes the suggestion of the visible slice part of its label. */
  accept(): Promise<void> {
    const suggestion = this.#session.suggestion.peek()
    return suggestion ? this.#accept([suggestion]) : Promise.resolve()
  }

  /** Makes all suggestions of the active label from the chosen confidence on one revision. */
  acceptSure(): Promise<void> {
    return this.#accept(this.sure.peek())
  }

  /** Those of all pictures of the project too, a revision for each. Says how many that were, this one included. */
  async acceptPictures(): Promise<void> {
    const labelId = this.#session.activeLabelId.peek()
    const here = this.sure.peek().length
    await this.#accept(this.sure.peek()) // as a step of this page, which can be undone here
    if (labelId === null || this.#problem.peek() !== null) return
    this.#busy.value = true
    const { api, projectId } = this.#options
    const json = { label_id: labelId, min_confidence: this.confidence.peek() }
    const { data, error } = await api.post<AcceptedPicturesOut>(`/api/projects/${projectId}/proposals/accept`, { json, idempotent: true })
    batch(() => {
      this.#problem.value = error && error.code !== NOT_FOUND ? error : null
      this.#pictures.value = error && error.code !== NOT_FOUND ? null : here + (data ? data.accepted + data.absent : 0)
      this.#busy.value = false
    })
  }

  async #accept(chosen: readonly Suggestion[]): Promise<void> {
    if (chosen.length === 0 || this.#busy.peek()) return
    this.#busy.value = true
    const [{ labelId }] = chosen
    let error = await this.#tryAccept(labelId, chosen)
    if (error?.code === 'stale_revision') { // somebody else drew on this label: on top of that
      error = await this.#options.onStale(labelId) ?? await this.#tryAccept(labelId, chosen)
    }
    if (error?.code === NOT_FOUND) await this.load(labelId)
    batch(() => {
      this.#problem.value = error
      this.#busy.value = false
    })
  }

  #tryAccept(labelId: string, chosen: readonly Suggestion[]): Promise<Problem | null> {
    const { api, newId, telemetry, outbox } = this.#options
    return outbox.append(labelId, async (parent) => {
      const json = { label_id: labelId, ids: chosen.map(({ id }) => id), revision_id: newId(), parent, telemetry: telemetry() }
      const { data, error } = await api.post<AcceptedOut>(`${this.#url()}/accept`, { json, idempotent: true })
      if (!data) return { error: error! }
      const taken = new Set([...data.accepted, ...data.absent])
      this.#session.edits.adopt(chosen.filter(({ slice }) => taken.has(slice)), data.revision?.id ?? null)
      this.#session.suggestions.close(labelId, data.skipped, null)
      return { data: data.revision && { annotationId: data.revision.annotation_id, revision: data.revision.id } }
    })
  }

  /** Turned down or opened again in the session. */
  decided(decision: Decision): void {
    void this.#decisions.add(decision)
  }

  async #told(labelId: string, error: Problem | null): Promise<void> {
    this.#problem.value = error && error.code !== NOT_FOUND ? error : null
    if (error) await this.load(labelId) // decided elsewhere or replaced by a newer one: what the server knows is shown
  }

  #url(): string {
    return `/api/volumes/${this.#options.volumeId}/proposals`
  }
}

function suggestionOf({ id, label_id: labelId, slice, mask, confidence, prompts, model, learned_prompt: learnedPrompt }: ProposalOut): Suggestion {
  const instanceBoxes = prompts?.instance_boxes?.map(boxOf) ?? []
  return { id, labelId, slice, mask: fromCoco(mask), confidence, prompts: prompts ? promptsOf(prompts) : [], instanceBoxes, model, learnedPrompt }
}

function promptsOf({ points, box }: NonNullable<ProposalOut['prompts']>): readonly Prompt[] {
  const drawn = points.map(({ x, y, positive = true }): Prompt => ({ kind: 'point', x, y, positive }))
  return box ? [boxOf(box), ...drawn] : drawn
}

function boxOf([x0, y0, x1, y1]: readonly [number, number, number, number]): BoxPrompt {
  return { kind: 'box', x0, y0, x1, y1 }
}
