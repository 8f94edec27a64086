// Where revisions, decisions and measurements wait until the server has them: IndexedDB in the page, memory in tests. Nothing about sending.
import type { MeasurementIn, RevisionIn } from '../api/types.ts'
import type { Decision } from '../viewer/session.ts'

/** One accepted revision on its way. Ids sort by the time they were made. */
export interface OutboxEntry {
  readonly id: string
  /** Of the volume; of corrections of somebody else's masks, with the id of whose they are. */
  readonly volumeId: string
  readonly labelId: string
  /** It was sent at least once: the server may have it although no answer came. */
  readonly attempted: boolean
  readonly revision: RevisionIn
}

/** What was decided about suggestions on some slices, on its way. */
export interface DecisionEntry {
  readonly id: string
  readonly volumeId: string
  readonly labelId: string
  readonly slices: readonly number[]
  readonly as: Decision['as']
}

/** Something measured, or (null) a measurement to be removed, on its way. */
export interface MeasurementEntry {
  readonly id: string
  readonly volumeId: string
  readonly measured: MeasurementIn | null
  /** It was sent at least once: the server may have it although no answer came. */
  readonly attempted: boolean
}

export interface OutboxStorage {
  /** Entries of a volume, oldest first. */
  load(volumeId: string): Promise<readonly OutboxEntry[]>
  loadDecisions(volumeId: string): Promise<readonly DecisionEntry[]>
  loadMeasurements(volumeId: string): Promise<readonly MeasurementEntry[]>
  put(entry: OutboxEntry): Promise<void>
  putDecision(entry: DecisionEntry): Promise<void>
  putMeasurement(entry: MeasurementEntry): Promise<void>
  remove(id: string): Promise<void>
}

export class MemoryStorage implements OutboxStorage {
  readonly entries = new Map<string, OutboxEntry>()
  readonly decisions = new Map<string, DecisionEntry>()
  readonly measurements = new Map<string, MeasurementEntry>()

  async load(volumeId: string): Promise<readonly OutboxEntry[]> {
    return byAge([...this.entries.values()].filter((entry) => entry.volumeId === volumeId))
  }

  async loadDecisions(volumeId: string): Promise<readonly DecisionEntry[]> {
    return byAge([...this.decisions.values()].filter((entry) => entry.volumeId === volumeId))
  }

  async loadMeasurements(volumeId: string): Promise<readonly MeasurementEntry[]> {
    return byAge([...this.measurements.values()].filter((entry) => entry.volumeId === volumeId))
  }

  async put(entry: OutboxEntry): Promise<void> {
    this.entries.set(entry.id, structuredClone(entry))
  }

  async putDecision(entry: DecisionEntry): Promise<void> {
    this.decisions.set(entry.id, structuredClone(entry))
  }

  async putMeasurement(entry: MeasurementEntry): Promise<void> {
    this.measurements.set(entry.id, structuredClone(entry))
  }

  async remove(id: string): Promise<void> {
    this.measurements.delete(id)
    this.entries.delete(id)
    this.decisions.delete(id)
  }
}

const DATABASE = 'sammed-outbox'
const STORE = 'revisions' // and decisions and measurements beside them: another store would need all open pages to close the database first

type Stored = (OutboxEntry | DecisionEntry | MeasurementEntry) & { readonly owner: string }

export class IndexedDbStorage implements OutboxStorage {
  readonly #owner: string
  #database: Promise<IDBDatabase> | null = null

  /** Entries belong to a user: another one who signs in on this browser must not send them. */
  constructor(ownerId: string) {
    this.#owner = ownerId
  }

  async load(volumeId: string): Promise<readonly OutboxEntry[]> {
    return byAge((await this.#all(volumeId)).filter((entry) => 'revision' in entry))
  }

  async loadDecisions(volumeId: string): Promise<readonly DecisionEntry[]> {
    return byAge((await this.#all(volumeId)).filter((entry) => 'as' in entry))
  }

  async loadMeasurements(volumeId: string): Promise<readonly MeasurementEntry[]> {
    return byAge((await this.#all(volumeId)).filter((entry) => 'measured' in entry))
  }

  async put(entry: OutboxEntry): Promise<void> {
    await this.#run('readwrite', (store) => store.put({ ...entry, owner: this.#owner }))
  }

  async putDecision(entry: DecisionEntry): Promise<void> {
    await this.#run('readwrite', (store) => store.put({ ...entry, owner: this.#owner }))
  }

  async putMeasurement(entry: MeasurementEntry): Promise<void> {
    await this.#run('readwrite', (store) => store.put({ ...entry, owner: this.#owner }))
  }

  async remove(id: string): Promise<void> {
    await this.#run('readwrite', (store) => store.delete(id))
  }

  async #all(volumeId: string): Promise<readonly Stored[]> {
    const all = await this.#run<Stored[]>('readonly', (store) => store.index('volume').getAll(volumeId))
    return all.filter((entry) => entry.owner === this.#owner)
  }

  /** Resolves when the transaction is on disk, not when the request succeeded. */
  async #run<T>(mode: IDBTransactionMode, ask: (store: IDBObjectStore) => IDBRequest): Promise<T> {
    const database = await (this.#database ??= openDatabase())
    return new Promise((resolve, reject) => {
      const transaction = database.transaction(STORE, mode, { durability: 'strict' })
      const request = ask(transaction.objectStore(STORE))
      transaction.oncomplete = () => resolve(request.result as T)
      transaction.onabort = transaction.onerror = () => reject(transaction.error)
    })
  }
}

function openDatabase(): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(DATABASE, 1)
    request.onupgradeneeded = () =>
      request.result.createObjectStore(STORE, { keyPath: 'id' }).createIndex('volume', 'volumeId')
    request.onsuccess = () => resolve(request.result)
    request.onerror = () => reject(request.error)
  })
}

function byAge<T extends { readonly id: string }>(entries: readonly T[]): readonly T[] {
  return entries.toSorted((a, b) => (a.id < b.id ? -1 : 1))
}
