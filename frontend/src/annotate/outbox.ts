// Accepted revisions on their way to the server: kept in the browser first, then sent in order, one at a time, until the
// server has said that it has them. A retry carries the same id, so it is a no-op there. A revision names its parent; when
// somebody else was faster, ours goes on top if the slices differ, else a person decides; other labels go on meanwhile.
import { batch, signal, type ReadonlySignal } from '@preact/signals-core'

import { OFFLINE, problem, type Client, type Result } from '../api/client.ts'
import type { AnnotationOut, Problem, RevisionIn, RevisionOut, SliceMaskOut } from '../api/types.ts'
import { fromCoco, isEmpty, toCoco, xor, type Mask } from '../viewer/mask.ts'
import type { SavingState } from './annotator.ts'
import type { OutboxEntry, OutboxStorage } from './outbox_storage.ts'

export interface OutboxOptions {
  readonly api: Client
  readonly storage: OutboxStorage
  readonly volumeId: string
  /** Whose masks are corrected, if not the sender's own. */
  readonly annotatorId?: string | null
  readonly newId: () => string
  /** What this page shows, for a conflict that is resolved in its favour. */
  readonly localMask: (labelId: string, slice: number) => Mask
  /** The server's mask takes the place of ours. */
  readonly onServerMask: (labelId: string, slice: number, mask: Mask) => void
  /** A revision of this label has arrived. */
  readonly onSent?: (labelId: string) => void
  readonly wait?: (ms: number) => Promise<void>
}

export type NewRevision = Omit<RevisionIn, 'parent'>

/** A revision that the server made, of which annotation. */
export interface Appended { readonly annotationId: string; readonly revision: string }

interface Head { readonly annotationId: string; readonly revision: string | null }

/** Why a label is not sent until a person has acted. */
type Halt =
  | { readonly kind: 'refused'; readonly problem: Problem }
  | { readonly kind: 'conflict'; readonly slices: readonly number[]; readonly head: string | null }

type Outcome = { readonly kind: 'sent' } | { readonly kind: 'again' } | { readonly kind: 'offline' } | Halt

const FIRST_RETRY_MS = 1000
const LONGEST_RETRY_MS = 30_000
const LOOK_MS = 100

export class Outbox {
  readonly #options: OutboxOptions
  readonly #wait: (ms: number) => Promise<void>
  /** Under which corrections of somebody else's masks are kept apart from own changes. */
  readonly #place: string
  readonly #saving = signal<SavingState>({ kind: 'saved' })
  readonly #heads = new Map<string, Head>() // by label
  #queue: OutboxEntry[] = []
  readonly #halted = new Map<string, Halt>() // by label
  #offline = false
  #sending: Promise<void> | null = null
  #wake: (() => void) | null = null
  #closed = false

  constructor(options: OutboxOptions) {
    this.#options = options
    this.#place = options.annotatorId ? `${options.volumeId} ${options.annotatorId}` : options.volumeId
    this.#wait = options.wait ?? ((ms) => new Promise((done) => setTimeout(done, ms)))
  }

  readonly saving: ReadonlySignal<SavingState> = this.#saving

  /** Takes up what an earlier page left behind and tries once to send it. Call `start` when the page shows the rest. */
  async open(annotations: readonly AnnotationOut[]): Promise<void> {
    for (const { id, label_id, head } of annotations) this.#heads.set(label_id, { annotationId: id, revision: head })
    this.#queue = [...(await this.#options.storage.load(this.#place))]
    this.#publish()
    await this.#send({ once: true })
  }

  /** The page shows everything: from now on what waits is sent until it has arrived. */
  start(): void {
    void this.#send()
  }

  /** What waits and is not on the server, oldest first: the page shows it on top of the server's masks. */
  async unsent(): Promise<readonly OutboxEntry[]> {
    const doubtful = new Set(this.#queue.filter((entry) => entry.attempted).map((entry) => entry.labelId))
    for (const labelId of doubtful) {
      const head = this.#heads.get(labelId)
      if (!head) continue
      const { data } = await this.#options.api.get<{ items: readonly RevisionOut[] }>(`/api/annotations/${head.annotationId}/revisions`)
      const known = new Set(data?.items.map((revision) => revision.id))
      for (const entry of this.#queue.filter((entry) => known.has(entry.id))) await this.#forget(entry)
    }
    this.#publish()
    return this.#queue
  }

  /** Keeps an accepted revision and starts sending. */
  async add(labelId: string, revision: NewRevision): Promise<void> {
    const newest = this.#queue.findLast((entry) => entry.labelId === labelId)
    const parent = newest?.id ?? this.#heads.get(labelId)?.revision ?? null
    const entry: OutboxEntry = {
      id: revision.id, volumeId: this.#place, labelId, attempted: false, revision: { ...revision, parent },
    }
    this.#queue.push(entry)
    this.#publish()
    await this.#keep(() => this.#options.storage.put(entry))
    void this.#send()
  }

  /** Tries again now: the user asks, the connection is back, somebody signed in. */
  flush(): Promise<void> {
    for (const [labelId, halt] of this.#halted) if (halt.kind === 'refused') this.#halted.delete(labelId)
    this.#wake?.()
    return this.#send()
  }

  /** Has the server append to a label by another way (restore, accepting what it proposed): after all that waits here, and
   *  with nothing sent in between. `make` gets the parent; null as data: nothing was appended. */
  async append(labelId: string, make: (parent: string | null) => Promise<Result<Appended | null>>): Promise<Problem | null> {
    const waiting = () => this.#queue.some((entry) => entry.labelId === labelId)
    void this.flush()
    while (!this.#offline && (this.#sending !== null || (waiting() && !this.#halted.has(labelId)))) {
      await Promise.race([this.#sending ?? this.#send(), this.#wait(LOOK_MS)])
    }
    if (this.#offline || waiting()) {
      return problem(OFFLINE, 'The server cannot be reached', 'Changes wait to be saved; they come first.')
    }
    const parent = this.head(labelId)
    const making = make(parent)
    this.#sending = making.then(() => {}, () => {})
    const { data, error } = await making.finally(() => { this.#sending = null })
    if (data) {
      this.#heads.set(labelId, data)
      const behind = (entry: OutboxEntry) => entry.labelId === labelId && entry.revision.parent === parent
      for (const entry of this.#queue.filter(behind)) { // accepted here meanwhile
        await this.#replace({ ...entry, revision: { ...entry.revision, parent: data.revision } })
      }
    }
    void this.#send()
    return error ?? null
  }

  close(): void {
    this.#closed = true
    this.#wake?.()
  }

  /** All that the server is known to have, with their labels. */
  get annotations(): readonly (readonly [labelId: string, annotationId: string])[] {
    return [...this.#heads].map(([labelId, { annotationId }]) => [labelId, annotationId])
  }

  annotationId(labelId: string): string | null {
    return this.#heads.get(labelId)?.annotationId ?? null
  }

  /** The server made a revision of this label by another way (restore). */
  setHead(labelId: string, annotationId: string, revision: string | null): void {
    this.#heads.set(labelId, { annotationId, revision })
  }

  head(labelId: string): string | null {
    return this.#heads.get(labelId)?.revision ?? null
  }

  /** The server's masks of the slices that were changed here and elsewhere; null when it cannot be asked. */
  async contested(): Promise<ReadonlyMap<number, Mask> | null> {
    const found = this.#conflict()
    return found === null ? null : this.#serverMasks(found[0], this.#contested(...found))
  }

  /** Mine: one revision that turns the server's masks into what this page shows. Theirs: ours are dropped. Slices: theirs
   *  is taken there, ours stays on all others that were changed here. */
  async resolveConflict(choice: 'mine' | 'theirs' | ReadonlySet<number>): Promise<void> {
    const found = this.#conflict()
    if (found === null) return
    const [labelId, conflict] = found
    const ours = this.#queue.filter((entry) => entry.labelId === labelId)
    const touched = slicesOf(ours)
    const theirs = await this.#serverMasks(labelId, [...touched, ...conflict.slices])
    if (theirs === null) return // the server could not be asked: the question stays
    const slices: { slice: number; flips: ReturnType<typeof toCoco> }[] = []
    for (const [slice, mask] of theirs) {
      const flips = xor(mask, this.#options.localMask(labelId, slice))
      const stays = typeof choice === 'string' ? choice === 'mine' : !choice.has(slice)
      if (stays && touched.has(slice)) {
        if (!isEmpty(flips)) slices.push({ slice, flips: toCoco(flips) })
      } else this.#options.onServerMask(labelId, slice, mask)
    }
    const { annotationId } = this.#heads.get(labelId)!
    this.#heads.set(labelId, { annotationId, revision: conflict.head })
    for (const entry of ours) await this.#forget(entry)
    this.#halted.delete(labelId)
    if (slices.length > 0) await this.add(labelId, { id: this.#options.newId(), origin: this.#options.annotatorId ? 'review' : 'manual', slices })
    this.#publish()
    void this.#send()
  }

  #send(mode: { readonly once?: boolean } = {}): Promise<void> {
    this.#sending ??= this.#sendAll(mode).finally(() => { this.#sending = null })
    return this.#sending
  }

  async #sendAll({ once = false }: { readonly once?: boolean }): Promise<void> {
    let delayMs = FIRST_RETRY_MS
    while (!this.#closed) {
      const entry = this.#queue.find(({ labelId }) => !this.#halted.has(labelId))
      if (entry === undefined) break
      const outcome = await this.#sendOne(entry)
      this.#offline = outcome.kind === 'offline'
      if (outcome.kind === 'sent') {
        delayMs = FIRST_RETRY_MS
        await this.#forget(entry)
      } else if (outcome.kind === 'refused' || outcome.kind === 'conflict') {
        this.#halted.set(entry.labelId, outcome)
      }
      this.#publish()
      if (!this.#offline) continue
      if (once) break
      await Promise.race([this.#wait(delayMs), new Promise<void>((wake) => { this.#wake = wake })])
      this.#wake = null
      delayMs = Math.min(LONGEST_RETRY_MS, delayMs * 2)
    }
    this.#publish()
  }

  async #sendOne(entry: OutboxEntry): Promise<Outcome> {
    const created = await this.#annotationFor(entry.labelId)
    if (created.outcome) return created.outcome
    if (!entry.attempted) await this.#replace({ ...entry, attempted: true })
    const { data, error } = await this.#options.api.post<RevisionOut>(
      `/api/annotations/${created.annotationId}/revisions`, { json: entry.revision, idempotent: false })
    if (data) {
      this.#heads.set(entry.labelId, { annotationId: created.annotationId, revision: entry.id })
      this.#options.onSent?.(entry.labelId)
      return { kind: 'sent' }
    }
    return error!.code === 'stale_revision' ? this.#rebase(entry, error!) : outcomeOf(error!)
  }

  async #annotationFor(labelId: string): Promise<{ annotationId: string; outcome?: undefined } | { outcome: Outcome }> {
    const head = this.#heads.get(labelId)
    if (head) return { annotationId: head.annotationId }
    const { data, error } = await this.#options.api.post<AnnotationOut>('/api/annotations', {
      json: { id: this.#options.newId(), volume_id: this.#options.volumeId, label_id: labelId, annotator_id: this.#options.annotatorId ?? null },
      idempotent: true,
    })
    if (!data) return { outcome: outcomeOf(error!) }
    this.#heads.set(labelId, { annotationId: data.id, revision: data.head })
    return { annotationId: data.id }
  }

  /** Somebody else's revision is newer. Other slices: ours goes on top, and theirs are shown. The same: a person decides. */
  async #rebase(entry: OutboxEntry, error: Problem): Promise<Outcome> {
    const head = (error.context?.head ?? null) as string | null
    const changed = (error.context?.changed_slices ?? []) as readonly number[]
    const ours = this.#queue.filter((other) => other.labelId === entry.labelId)
    const touched = slicesOf(ours)
    const both = changed.filter((slice) => touched.has(slice))
    if (both.length > 0) return { kind: 'conflict', slices: changed, head }
    const theirs = await this.#serverMasks(entry.labelId, changed)
    if (theirs === null) return { kind: 'offline' }
    batch(() => theirs.forEach((mask, slice) => this.#options.onServerMask(entry.labelId, slice, mask)))
    await this.#replace({ ...entry, attempted: true, revision: { ...entry.revision, parent: head } })
    return { kind: 'again' }
  }

  async #serverMasks(labelId: string, slices: readonly number[]): Promise<Map<number, Mask> | null> {
    const found = new Map<number, Mask>()
    const annotationId = this.annotationId(labelId)
    for (const slice of new Set(slices)) {
      const { data } = await this.#options.api.get<SliceMaskOut>(`/api/annotations/${annotationId}/slices/${slice}`)
      if (!data) return null
      found.set(slice, fromCoco(data.mask))
    }
    return found
  }

  async #replace(entry: OutboxEntry): Promise<void> {
    this.#queue = this.#queue.map((other) => (other.id === entry.id ? entry : other))
    await this.#keep(() => this.#options.storage.put(entry))
  }

  async #forget(entry: OutboxEntry): Promise<void> {
    this.#queue = this.#queue.filter((other) => other.id !== entry.id)
    this.#publish()
    await this.#keep(() => this.#options.storage.remove(entry.id))
  }

  /** A browser that keeps nothing (a full disk, a private window) must not stop saving: the entry is still sent, and the
   *  page asks before it is closed while something waits. */
  async #keep(store: () => Promise<void>): Promise<void> {
    try {
      await store()
    } catch (reason) {
      console.warn('the browser did not keep a revision that is on its way', reason)
    }
  }

  #publish(): void {
    const pending = this.#queue.length
    const conflict = this.#conflict()
    const refused = [...this.#halted.values()].find((halt) => halt.kind === 'refused')
    if (pending === 0) this.#saving.value = { kind: 'saved' }
    else if (conflict) this.#saving.value = { kind: 'conflict', pending, labelId: conflict[0], slices: conflict[1].slices, contested: this.#contested(...conflict) }
    else if (refused) this.#saving.value = { kind: 'refused', pending, problem: refused.problem }
    else this.#saving.value = { kind: this.#offline ? 'offline' : 'saving', pending }
  }

  /** Changed elsewhere, and here by what waits by now. */
  #contested(labelId: string, { slices }: { readonly slices: readonly number[] }): readonly number[] {
    const touched = slicesOf(this.#queue.filter((entry) => entry.labelId === labelId))
    return slices.filter((slice) => touched.has(slice))
  }

  #conflict(): [labelId: string, conflict: Extract<Halt, { kind: 'conflict' }>] | null {
    for (const [labelId, halt] of this.#halted) if (halt.kind === 'conflict') return [labelId, halt]
    return null
  }
}

function slicesOf(entries: readonly OutboxEntry[]): ReadonlySet<number> {
  return new Set(entries.flatMap((entry) => entry.revision.slices.map((part) => part.slice)))
}

/** No server, or one that will be well again: try later. Anything else needs a person. */
function outcomeOf(error: Problem): Outcome {
  const passing = error.code === OFFLINE || (error.status ?? 0) >= 500 || error.status === 429
  return passing ? { kind: 'offline' } : { kind: 'refused', problem: error }
}
