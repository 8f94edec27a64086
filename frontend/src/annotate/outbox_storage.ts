// Where revisions wait until the server has them: IndexedDB in the page, memory in tests. Nothing about sending.
import type { RevisionIn } from '../api/types.ts'

/** One accepted revision on its way. Ids sort by the time they were made. */
export interface OutboxEntry {
  readonly id: string
  readonly volumeId: string
  readonly labelId: string
  /** It was sent at least once: the server may have it although no answer came. */
  readonly attempted: boolean
  readonly revision: RevisionIn
}

export interface OutboxStorage {
  /** Entries of a volume, oldest first. */
  load(volumeId: string): Promise<readonly OutboxEntry[]>
  put(entry: OutboxEntry): Promise<void>
  remove(id: string): Promise<void>
}

export class MemoryStorage implements OutboxStorage {
  readonly entries = new Map<string, OutboxEntry>()

  async load(volumeId: string): Promise<readonly OutboxEntry[]> {
    return byAge([...this.entries.values()].filter((entry) => entry.volumeId === volumeId))
  }

  async put(entry: OutboxEntry): Promise<void> {
    this.entries.set(entry.id, structuredClone(entry))
  }

  async remove(id: string): Promise<void> {
    this.entries.delete(id)
  }
}

const DATABASE = 'sammed-outbox'
const STORE = 'revisions'

export class IndexedDbStorage implements OutboxStorage {
  readonly #owner: string
  #database: Promise<IDBDatabase> | null = null

  /** Entries belong to a user: another one who signs in on this browser must not send them. */
  constructor(ownerId: string) {
    this.#owner = ownerId
  }

  async load(volumeId: string): Promise<readonly OutboxEntry[]> {
    const all = await this.#run<(OutboxEntry & { owner: string })[]>('readonly', (store) => store.index('volume').getAll(volumeId))
    return byAge(all.filter((entry) => entry.owner === this.#owner))
  }

  async put(entry: OutboxEntry): Promise<void> {
    await this.#run('readwrite', (store) => store.put({ ...entry, owner: this.#owner }))
  }

  async remove(id: string): Promise<void> {
    await this.#run('readwrite', (store) => store.delete(id))
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

function byAge(entries: readonly OutboxEntry[]): readonly OutboxEntry[] {
  return entries.toSorted((a, b) => (a.id < b.id ? -1 : 1))
}
