// Brings slices: the visible one first, then its neighbours, further ahead in the direction of scrolling. Requests for slices
// that nobody will see soon are given up. Arrived slices stay in memory up to a budget of bytes, the longest unused go first.
import { signal, type ReadonlySignal } from '@preact/signals-core'

import { decodeSlice, MalformedSlice } from '../api/binary.ts'
import { addressOf, OFFLINE, problem, type Client, type Result } from '../api/client.ts'
import type { Problem } from '../api/types.ts'
import type { Axis, Triple } from '../viewer/geometry.ts'
import type { LoadedSlice } from '../viewer/view_state.ts'
import type { SliceImage } from '../viewer/windowing.ts'
import type { PictureState } from './annotator.ts'

export interface SliceLoaderOptions {
  readonly api: Client
  readonly volumeId: string
  /** The volume's `pixels`: with it the browser keeps slices until they change. */
  readonly pixels: string
  readonly shapeKji: Triple
  readonly onSlice: (slice: LoadedSlice) => void
  readonly budgetBytes?: number
  /** How many slices to bring in the direction of scrolling, and how many at a time. */
  readonly ahead?: number
  readonly atOnce?: number
  readonly wait?: (ms: number) => Promise<void>
}

const BUDGET_BYTES = 192 * 1024 * 1024
const AHEAD = 12
const BEHIND = 4
const AT_ONCE = 4 // browsers open six connections to one server: clicks must find a free one
const RETRY_MS = 3000

interface Place { readonly axis: Axis; readonly index: number }

export class SliceLoader {
  readonly #options: SliceLoaderOptions
  readonly #wait: (ms: number) => Promise<void>
  readonly #state = signal<PictureState>({ kind: 'loading' })
  readonly #kept = new Map<string, SliceImage>() // oldest use first
  readonly #running = new Map<string, AbortController>()
  #keptBytes = 0
  #visible: Place = { axis: 0, index: -1 }
  #wanted: readonly Place[] = []
  #closed = false

  readonly state: ReadonlySignal<PictureState> = this.#state

  constructor(options: SliceLoaderOptions) {
    this.#options = options
    this.#wait = options.wait ?? ((ms) => new Promise((done) => setTimeout(done, ms)))
  }

  /** This slice is on the screen now. */
  show(axis: Axis, index: number): void {
    const before = this.#visible
    const direction = before.axis === axis && index < before.index ? -1 : 1
    this.#visible = { axis, index }
    this.#wanted = this.#around(axis, index, direction)
    const keys = new Set(this.#wanted.map(keyOf))
    for (const [key, request] of this.#running) if (!keys.has(key)) request.abort()
    const kept = this.#use(keyOf(this.#visible))
    if (kept) this.#deliver(kept)
    else this.#state.value = { kind: 'loading' }
    this.#fill()
  }

  /** A picture that is in memory; it counts as used. */
  pictureOf(axis: Axis, index: number): SliceImage | null {
    return this.#use(keyOf({ axis, index })) ?? null
  }

  close(): void {
    this.#closed = true
    for (const request of this.#running.values()) request.abort()
    this.#kept.clear()
  }

  #around(axis: Axis, index: number, direction: 1 | -1): readonly Place[] {
    const places = [index]
    for (let step = 1; step <= (this.#options.ahead ?? AHEAD); step++) {
      places.push(index + step * direction)
      if (step <= BEHIND) places.push(index - step * direction)
    }
    return places.filter((n) => n >= 0 && n < this.#options.shapeKji[axis]).map((n) => ({ axis, index: n }))
  }

  #fill(): void {
    for (const place of this.#wanted) {
      const key = keyOf(place)
      const visible = place.index === this.#visible.index
      if (this.#closed || (!visible && this.#running.size >= (this.#options.atOnce ?? AT_ONCE))) return
      if (!this.#kept.has(key) && !this.#running.has(key)) void this.#fetch(place, key)
    }
  }

  async #fetch(place: Place, key: string): Promise<void> {
    const request = new AbortController()
    this.#running.set(key, request)
    const result = decoded(await this.#options.api.bytes(pathOf(this.#options.volumeId, place), { query: { v: this.#options.pixels }, signal: request.signal }))
    if (this.#running.get(key) === request) this.#running.delete(key)
    if (this.#closed || request.signal.aborted) {
      this.#fill()
      return
    }
    if (result.error) {
      // A neighbour that failed is asked for again when it becomes visible; only then somebody is told.
      if (key === keyOf(this.#visible)) this.#fail(result.error)
      return
    }
    this.#keep(key, result.data)
    if (key === keyOf(this.#visible)) this.#deliver(result.data)
    this.#fill()
  }

  #fail(error: Problem): void {
    this.#state.value = { kind: 'failed', problem: error }
    const passing = error.code === OFFLINE || (error.status ?? 0) >= 500
    if (passing) void this.#wait(RETRY_MS).then(() => { if (!this.#closed) this.#fill() })
  }

  #deliver(image: SliceImage): void {
    this.#options.onSlice({ ...this.#visible, image })
    this.#state.value = { kind: 'shown' }
  }

  #use(key: string): SliceImage | undefined {
    const image = this.#kept.get(key)
    if (image) {
      this.#kept.delete(key)
      this.#kept.set(key, image)
    }
    return image
  }

  #keep(key: string, image: SliceImage): void {
    this.#kept.set(key, image)
    this.#keptBytes += image.data.byteLength
    for (const [oldest, old] of this.#kept) {
      if (this.#keptBytes <= (this.#options.budgetBytes ?? BUDGET_BYTES) || this.#kept.size === 1) break
      this.#kept.delete(oldest)
      this.#keptBytes -= old.data.byteLength
    }
  }
}

/** Where the browser gets a slice from; with the volume's `pixels` it keeps it. */
export function sliceAddress(volumeId: string, pixels: string, axis: Axis, index: number): string {
  return addressOf(pathOf(volumeId, { axis, index }), { v: pixels })
}

function pathOf(volumeId: string, { axis, index }: Place): string {
  return `/api/volumes/${volumeId}/slices/${axis}/${index}`
}

function keyOf({ axis, index }: Place): string {
  return `${axis}/${index}`
}

function decoded(result: Result<ArrayBuffer>): Result<SliceImage> {
  if (result.error) return result
  try {
    return { data: decodeSlice(result.data) }
  } catch (reason) {
    if (!(reason instanceof MalformedSlice)) throw reason
    return { error: problem('malformed_slice', 'The slice cannot be read', reason.message) }
  }
}
