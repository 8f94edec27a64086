// Requests to the server: one small function, results as `{ data } | { error }`. Shapes live in types.ts.
// Cookies carry the session; requests that change something carry the header that a foreign page cannot send.
// Only requests that may be repeated without harm are retried.
import { signal, type ReadonlySignal } from '@preact/signals-core'

import type { Problem } from './types.ts'

export type Result<T> = { readonly data: T; readonly error?: undefined } | { readonly data?: undefined; readonly error: Problem }

export interface RequestOptions {
  readonly query?: Readonly<Record<string, string | number | boolean | null | undefined>>
  /** Sent as JSON. */
  readonly json?: unknown
  /** Sent as it is: FormData for uploads. */
  readonly body?: BodyInit
  readonly signal?: AbortSignal
  /** Repeating it does no harm: retried when the connection fails or the server is busy. GET always is. */
  readonly idempotent?: boolean
}

export interface Client {
  /** False after a request found no server, true again after one did. */
  readonly online: ReadonlySignal<boolean>
  get<T>(path: string, options?: RequestOptions): Promise<Result<T>>
  post<T>(path: string, options?: RequestOptions): Promise<Result<T>>
  patch<T>(path: string, options?: RequestOptions): Promise<Result<T>>
  put<T>(path: string, options?: RequestOptions): Promise<Result<T>>
  delete<T>(path: string, options?: RequestOptions): Promise<Result<T>>
  /** The body as it is: slices. */
  bytes(path: string, options?: RequestOptions): Promise<Result<ArrayBuffer>>
}

export interface ClientOptions {
  readonly fetch?: typeof fetch
  readonly wait?: (ms: number) => Promise<void>
  /** Called when the server says that nobody is signed in. */
  readonly onUnauthenticated?: () => void
  /** What the server said, for the person at the page. */
  readonly inWords?: (problem: Problem) => Problem
}

/** The code of a problem that no server was there to state. */
export const OFFLINE = 'offline'
/** The code of a request that its caller gave up. */
export const ABORTED = 'aborted'

const RETRY_DELAYS_MS = [300, 1000]
const BUSY_STATUSES = new Set([502, 503, 504])

/** An Error around a problem, for the few callers that throw. */
export class ApiError extends Error {
  readonly problem: Problem
  constructor(problem: Problem) {
    super(problem.detail)
    this.name = 'ApiError'
    this.problem = problem
  }
}

/** The data of a result; throws its problem as an ApiError. */
export function need<T>({ data, error }: Result<T>): T {
  if (error) throw new ApiError(error)
  return data as T
}

export function createClient(options: ClientOptions = {}): Client {
  const send = options.fetch ?? ((input, init) => fetch(input, init))
  const wait = options.wait ?? ((ms) => new Promise((done) => setTimeout(done, ms)))
  const online = signal(true)

  async function once(method: string, path: string, request: RequestOptions): Promise<Result<Response>> {
    const headers: Record<string, string> = { Accept: 'application/json, application/vnd.sammed.slice' }
    if (method !== 'GET') headers['X-Sammed-CSRF'] = '1'
    if (request.json !== undefined) headers['Content-Type'] = 'application/json'
    let response: Response
    try {
      response = await send(addressOf(path, request.query), {
        method,
        headers,
        credentials: 'same-origin',
        body: request.json !== undefined ? JSON.stringify(request.json) : request.body ?? null,
        signal: request.signal ?? null,
      })
    } catch (reason) {
      if (request.signal?.aborted) return { error: problem(ABORTED, 'The request was given up', String(reason)) }
      online.value = false
      return { error: problem(OFFLINE, 'The server cannot be reached', 'There was no answer from the server.') }
    }
    online.value = true
    if (response.ok) return { data: response }
    if (response.status === 401) options.onUnauthenticated?.()
    const said = await problemOf(response)
    return { error: options.inWords?.(said) ?? said }
  }

  async function request(method: string, path: string, request: RequestOptions = {}): Promise<Result<Response>> {
    const repeatable = method === 'GET' || request.idempotent === true
    for (let attempt = 0; ; attempt++) {
      const result = await once(method, path, request)
      const hopeful = result.error && (result.error.code === OFFLINE || BUSY_STATUSES.has(result.error.status ?? 0))
      if (!hopeful || !repeatable || attempt >= RETRY_DELAYS_MS.length || request.signal?.aborted) return result
      await wait(RETRY_DELAYS_MS[attempt])
    }
  }

  async function json<T>(method: string, path: string, options?: RequestOptions): Promise<Result<T>> {
    const result = await request(method, path, options)
    if (result.error) return result
    if (result.data.status === 204) return { data: undefined as T }
    return read(result.data, options, (response) => response.json() as Promise<T>)
  }

  async function bytes(path: string, options?: RequestOptions): Promise<Result<ArrayBuffer>> {
    const result = await request('GET', path, options)
    return result.error ? result : read(result.data, options, (response) => response.arrayBuffer())
  }

  return {
    online,
    get: (path, options) => json('GET', path, options),
    post: (path, options) => json('POST', path, options),
    patch: (path, options) => json('PATCH', path, options),
    put: (path, options) => json('PUT', path, options),
    delete: (path, options) => json('DELETE', path, options),
    bytes,
  }
}

async function read<T>(
  response: Response, options: RequestOptions | undefined, body: (response: Response) => Promise<T>,
): Promise<Result<T>> {
  try {
    return { data: await body(response) }
  } catch (reason) {
    const code = options?.signal?.aborted ? ABORTED : 'unreadable_answer'
    return { error: problem(code, 'The answer of the server cannot be read', String(reason), response.status) }
  }
}

async function problemOf(response: Response): Promise<Problem> {
  const fallback = problem(`http_${response.status}`, response.statusText || 'The server refused the request',
    `The server answered with status ${response.status}.`, response.status)
  try {
    const body = (await response.json()) as Partial<Problem>
    return typeof body.code === 'string' ? { ...fallback, ...body, status: response.status } : fallback
  } catch {
    return fallback // a proxy's page, not ours: the status is all we know
  }
}

export function problem(code: string, title: string, detail: string, status?: number): Problem {
  return status === undefined ? { code, title, detail } : { code, title, detail, status }
}

/** As it is asked for. */
export function addressOf(path: string, query: RequestOptions['query']): string {
  return path + queryString(query)
}

function queryString(query: RequestOptions['query']): string {
  const pairs = Object.entries(query ?? {}).filter(([, value]) => value !== null && value !== undefined)
  return pairs.length ? '?' + new URLSearchParams(pairs.map(([key, value]) => [key, String(value)])).toString() : ''
}
