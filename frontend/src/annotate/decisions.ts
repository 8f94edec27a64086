// What a person decided about suggestions without drawing (turned down, opened again), on its way to the server: kept in the
// browser first, then told one after the other, each after the revisions that wait, until the server has answered.
import { OFFLINE, type Client } from '../api/client.ts'
import type { Problem, ProposalOut } from '../api/types.ts'
import type { Decision } from '../viewer/session.ts'
import type { Decline } from '../viewer/suggestions.ts'
import type { DecisionEntry, OutboxStorage } from './outbox_storage.ts'

export interface DecisionsOptions {
  readonly api: Client
  readonly storage: OutboxStorage
  readonly volumeId: string
  readonly newId: () => string
  /** Resolves when what was accepted before has been sent: a revision closes what is open on its slices. */
  readonly revisions: () => Promise<void>
  /** The server took the decision (null), or refused it. */
  readonly onTold: (labelId: string, problem: Problem | null) => Promise<void>
  readonly wait?: (ms: number) => Promise<void>
}

/** Proposals as the server has them: open ones, and declined ones by slice. */
export interface Decided {
  readonly open: readonly ProposalOut[]
  readonly declined: ReadonlyMap<number, Decline>
}

const RETRY_MS = 3000

export class Decisions {
  readonly #options: DecisionsOptions
  readonly #wait: (ms: number) => Promise<void>
  #queue: readonly DecisionEntry[] = []
  #telling = false
  #closed = false

  constructor(options: DecisionsOptions) {
    this.#options = options
    this.#wait = options.wait ?? ((ms) => new Promise((done) => setTimeout(done, ms)))
  }

  /** What the server has not answered yet, oldest first. */
  get waiting(): readonly DecisionEntry[] {
    return this.#queue
  }

  /** Takes up what an earlier page left behind. */
  async open(): Promise<void> {
    this.#queue = await this.#options.storage.loadDecisions(this.#options.volumeId)
  }

  /** The page shows everything: from now on what waits is told. */
  start(): void {
    void this.#tell()
  }

  async add({ labelId, suggestions, as }: Decision): Promise<void> {
    const { newId, volumeId, storage } = this.#options
    const entry: DecisionEntry = { id: newId(), volumeId, labelId, slices: suggestions.map(({ slice }) => slice), as }
    this.#queue = [...this.#queue, entry]
    await storage.putDecision(entry).catch((reason) => console.warn('the browser did not keep a decision', reason))
    void this.#tell()
  }

  close(): void {
    this.#closed = true
  }

  /** What the server will have when it has heard all that waits. `declined`: all that were turned down, oldest first;
   *  `asked`: what waited when the server was asked, as it may have heard some of that only after it answered. */
  applied(labelId: string, open: readonly ProposalOut[], declined: readonly ProposalOut[], asked: readonly DecisionEntry[]): Decided {
    const opened = new Map(open.map((proposal) => [proposal.slice, proposal]))
    const known = new Map(declined.map((proposal) => [proposal.slice, proposal])) // the newest is what counts
    const said = new Map(declined.map(({ slice, state }) => [slice, state as Decline]))
    const entries = new Map([...asked, ...this.#queue].map((entry) => [entry.id, entry]))
    for (const entry of [...entries.values()].filter((waiting) => waiting.labelId === labelId)) {
      for (const slice of entry.slices) {
        const proposal = opened.get(slice) ?? known.get(slice)
        if (proposal === undefined) continue
        known.set(slice, proposal)
        if (entry.as === 'open') {
          opened.set(slice, proposal)
          said.delete(slice)
        } else {
          opened.delete(slice)
          said.set(slice, entry.as)
        }
      }
    }
    return { open: [...opened.values()], declined: said }
  }

  async #tell(): Promise<void> {
    if (this.#telling) return
    this.#telling = true
    for (let entry = this.#queue[0]; entry !== undefined && !this.#closed; entry = this.#queue[0]) {
      await this.#options.revisions()
      const error = await this.#send(entry)
      if (error && isPassing(error)) {
        await this.#wait(RETRY_MS)
        continue
      }
      const done = entry
      this.#queue = this.#queue.filter(({ id }) => id !== done.id)
      await this.#options.storage.remove(done.id).catch((reason) => console.warn('the browser did not forget a decision', reason))
      await this.#options.onTold(done.labelId, error)
    }
    this.#telling = false
  }

  async #send({ labelId, slices, as }: DecisionEntry): Promise<Problem | null> {
    const { api, volumeId } = this.#options
    const json = { label_id: labelId, slices, ...(as === 'open' ? {} : { absent: as === 'absent' }) }
    const { error } = await api.post(`/api/volumes/${volumeId}/proposals/${as === 'open' ? 'reopen' : 'reject'}`, { json, idempotent: true })
    return error ?? null
  }
}

/** No server, or one that will be well again. */
function isPassing({ code, status }: Problem): boolean {
  return code === OFFLINE || (status ?? 0) >= 500 || status === 429
}
