// Measurements on their way to the server, and those that are to be removed there: kept in the browser first, then sent one
// after the other until the server has answered. They carry the id that they get here, so sending one twice is a no-op.
import { signal, type ReadonlySignal } from '@preact/signals-core'

import { OFFLINE, type Client } from '../api/client.ts'
import type { MeasurementIn, MeasurementOut, Problem } from '../api/types.ts'
import type { MeasurementEntry, OutboxStorage } from './outbox_storage.ts'

export interface MeasurementOutboxOptions {
  readonly api: Client
  readonly storage: OutboxStorage
  readonly volumeId: string
  /** The server has it, with its figures. */
  readonly onKept: (measurement: MeasurementOut) => void
  /** The server refused: it is not kept, or not removed. */
  readonly onRefused: (entry: MeasurementEntry, problem: Problem) => void
  readonly wait?: (ms: number) => Promise<void>
}

const FIRST_RETRY_MS = 1000
const LONGEST_RETRY_MS = 30_000
const GONE = 'measurement_not_found'

export class MeasurementOutbox {
  readonly #options: MeasurementOutboxOptions
  readonly #wait: (ms: number) => Promise<void>
  readonly #queue = signal<readonly MeasurementEntry[]>([])
  readonly #offline = signal(false)
  #sending = false
  #wake: (() => void) | null = null
  #closed = false

  /** Oldest first. */
  readonly waiting: ReadonlySignal<readonly MeasurementEntry[]> = this.#queue
  readonly offline: ReadonlySignal<boolean> = this.#offline

  constructor(options: MeasurementOutboxOptions) {
    this.#options = options
    this.#wait = options.wait ?? ((ms) => new Promise((done) => setTimeout(done, ms)))
  }

  /** Takes up what an earlier page left behind, and sends it. */
  async open(): Promise<void> {
    const { storage, volumeId } = this.#options
    this.#queue.value = await storage.loadMeasurements(volumeId).catch(() => [])
    void this.#send()
  }

  async add(id: string, measured: MeasurementIn): Promise<void> {
    await this.#put({ id, volumeId: this.#options.volumeId, measured, attempted: false })
  }

  /** One that never left is forgotten; any other is removed on the server. */
  async remove(id: string): Promise<void> {
    const waiting = this.#queue.peek().find((entry) => entry.id === id)
    if (waiting?.measured && !waiting.attempted) return this.#forget(waiting)
    await this.#put({ id, volumeId: this.#options.volumeId, measured: null, attempted: false })
  }

  /** Tries again now. */
  flush(): void {
    this.#wake?.()
    void this.#send()
  }

  close(): void {
    this.#closed = true
    this.#wake?.()
  }

  async #put(entry: MeasurementEntry): Promise<void> {
    this.#queue.value = [...this.#queue.peek().filter(({ id }) => id !== entry.id), entry]
    await this.#store(() => this.#options.storage.putMeasurement(entry))
    void this.#send()
  }

  async #forget(entry: MeasurementEntry): Promise<void> {
    const still = this.#queue.peek().find(({ id }) => id === entry.id) // removed meanwhile: that waits under the same id
    if (still !== undefined && still.measured !== entry.measured) return
    this.#queue.value = this.#queue.peek().filter((other) => other !== still)
    await this.#store(() => this.#options.storage.remove(entry.id))
  }

  async #send(): Promise<void> {
    if (this.#sending) return
    this.#sending = true
    let delayMs = FIRST_RETRY_MS
    for (let entry = this.#queue.peek()[0]; entry !== undefined && !this.#closed; entry = this.#queue.peek()[0]) {
      const error = await this.#sendOne(entry)
      this.#offline.value = error !== null && isPassing(error)
      if (this.#offline.peek()) {
        await Promise.race([this.#wait(delayMs), new Promise<void>((wake) => { this.#wake = wake })])
        this.#wake = null
        delayMs = Math.min(LONGEST_RETRY_MS, 2 * delayMs)
        continue
      }
      delayMs = FIRST_RETRY_MS
      await this.#forget(entry)
      if (error) this.#options.onRefused(entry, error)
    }
    this.#sending = false
  }

  async #sendOne({ id, volumeId, measured, attempted }: MeasurementEntry): Promise<Problem | null> {
    const { api, onKept } = this.#options
    if (measured === null) {
      const { error } = await api.delete<void>(`/api/measurements/${id}`, { idempotent: true })
      return error && error.code !== GONE ? error : null
    }
    if (!attempted) {
      const entry = { id, volumeId, measured, attempted: true }
      this.#queue.value = this.#queue.peek().map((other) => (other.id === id && other.measured ? entry : other))
      await this.#store(() => this.#options.storage.putMeasurement(entry))
    }
    const { data, error } = await api.post<MeasurementOut>(`/api/volumes/${volumeId}/measurements`, { json: { ...measured, id }, idempotent: true })
    if (data && this.#queue.peek().some((entry) => entry.id === id && entry.measured)) onKept(data)
    return error ?? null
  }

  async #store(work: () => Promise<void>): Promise<void> {
    try {
      await work()
    } catch (reason) {
      console.warn('the browser did not keep a measurement that is on its way', reason)
    }
  }
}

/** No server, one that will be well again, or nobody signed in: it waits. */
function isPassing({ code, status }: Problem): boolean {
  return code === OFFLINE || (status ?? 0) >= 500 || status === 429 || status === 401
}
