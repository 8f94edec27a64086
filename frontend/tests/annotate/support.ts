// A server that tests script: answers by method and path, remembers what was asked. And time that tests move.
import type { Client, RequestOptions, Result } from '../../src/api/client.ts'
import { OFFLINE, problem } from '../../src/api/client.ts'
import { signal } from '@preact/signals-core'

export interface Asked { readonly method: string; readonly path: string; readonly json: unknown; readonly query?: RequestOptions['query']; readonly signal?: AbortSignal }
type Answer = (asked: Asked) => unknown

/** Answers with `{ status, code, ... }` objects made by `refuse` become problems; a thrown OFFLINE is no server at all. */
export class FakeServer implements Client {
  readonly online = signal(true)
  readonly asked: Asked[] = []
  reachable = true
  readonly #routes: [method: string, path: RegExp, answer: Answer][] = []

  on(method: string, path: RegExp, answer: Answer): this {
    this.#routes.unshift([method, path, answer])
    return this
  }

  count(method: string, path: RegExp): number {
    return this.asked.filter((asked) => asked.method === method && path.test(asked.path)).length
  }

  get = <T>(path: string, options?: RequestOptions) => this.#answer<T>('GET', path, options)
  post = <T>(path: string, options?: RequestOptions) => this.#answer<T>('POST', path, options)
  patch = <T>(path: string, options?: RequestOptions) => this.#answer<T>('PATCH', path, options)
  put = <T>(path: string, options?: RequestOptions) => this.#answer<T>('PUT', path, options)
  delete = <T>(path: string, options?: RequestOptions) => this.#answer<T>('DELETE', path, options)
  bytes = (path: string, options?: RequestOptions) => this.#answer<ArrayBuffer>('GET', path, options)

  async #answer<T>(method: string, path: string, options: RequestOptions = {}): Promise<Result<T>> {
    const asked: Asked = { method, path, json: structuredClone(options.json), query: options.query, ...(options.signal ? { signal: options.signal } : {}) }
    this.asked.push(asked)
    if (!this.reachable) return { error: problem(OFFLINE, 'offline', 'offline') }
    const route = this.#routes.find(([m, p]) => m === method && p.test(path))
    if (!route) throw new Error(`the test has no answer to ${method} ${path}`)
    const data = await route[2](asked)
    return data instanceof Refusal ? { error: { ...problem(data.code, data.code, data.code, data.status), context: data.context } } : { data: data as T }
  }
}

export class Refusal {
  readonly status: number
  readonly code: string
  readonly context: Record<string, unknown>
  constructor(status: number, code: string, context: Record<string, unknown> = {}) {
    this.status = status
    this.code = code
    this.context = context
  }
}

/** Waits that end when the test says so, in the order of their lengths. */
export class FakeTime {
  #now = 0
  readonly #waiting: { at: number; done: () => void }[] = []

  readonly wait = (ms: number): Promise<void> => new Promise((done) => this.#waiting.push({ at: this.#now + ms, done }))

  async pass(ms: number): Promise<void> {
    const end = this.#now + ms
    await settle()
    for (;;) {
      const next = this.#waiting.toSorted((a, b) => a.at - b.at)[0]
      if (next === undefined || next.at > end) break
      this.#waiting.splice(this.#waiting.indexOf(next), 1)
      this.#now = next.at
      next.done()
      await settle()
    }
    this.#now = end
  }
}

/** Lets everything that is ready run. */
export async function settle(): Promise<void> {
  for (let n = 0; n < 50; n++) await Promise.resolve()
}

/** A promise that the test fulfils. */
export function later<T>(): { promise: Promise<T>; give: (value: T) => void } {
  let give!: (value: T) => void
  const promise = new Promise<T>((done) => { give = done })
  return { promise, give }
}
