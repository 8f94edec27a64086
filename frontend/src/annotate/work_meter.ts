// Counts the work of annotating, slice by slice, to go with the revisions: clicks, boxes, strokes, steps taken back, seconds,
// and who answered last. What the counts mean is said where the server keeps them, backend/domain/telemetry.py.
import { effect } from '@preact/signals-core'

import type { Telemetry } from '../api/types.ts'
import type { Session, Work } from '../viewer/session.ts'

/** Without a movement for so long, nobody works. */
const IDLE_MS = 15_000
const MOST_SLICES = 4096

interface Count {
  clicks: number
  boxes: number
  strokes: number
  undos: number
  ms: number
  model: string | null
  learnedPrompt: string | null
}

export class WorkMeter {
  readonly #now: () => number
  readonly #counts = new Map<number, Count>()
  #slice: number | null = null
  #seenMs: number | null = null

  /** `now` in milliseconds, from any beginning. */
  constructor(now: () => number) {
    this.#now = now
  }

  /** Counts the time that somebody moves over the slices of the acquisition plane, until the returned function is called. */
  watch({ view }: Session): () => void {
    return effect(() => {
      void view.pointer.value
      this.#tick(view.axis.value === 0 ? view.slice.value : null)
    })
  }

  did(slice: number, work: Work): void {
    this.#tick(slice)
    const count = this.#of(slice)
    if (work === 'click') count.clicks++
    else if (work === 'box') count.boxes++
    else if (work === 'stroke') count.strokes++
    else if (work === 'undo') count.undos++
    else {
      count.model = work.model
      count.learnedPrompt = work.learnedPrompt
    }
  }

  /** The work since the last call, and begins anew: every slice is told once. */
  take(): Telemetry {
    this.#tick(this.#slice)
    const slices = [...this.#counts].flatMap(([slice, { clicks, boxes, strokes, undos, ms, model, learnedPrompt }]) => {
      const seconds = Math.round(ms / 100) / 10
      const idle = clicks + boxes + strokes + undos === 0 && model === null && seconds === 0
      return idle ? [] : [{ slice, clicks, boxes, strokes, undos, seconds, model, learned_prompt: learnedPrompt }]
    })
    this.#counts.clear()
    return { slices: slices.slice(-MOST_SLICES) }
  }

  /** Somebody is at work on this slice now: the time since the last sign of it counts for the slice it was on. */
  #tick(slice: number | null): void {
    const now = this.#now()
    if (this.#slice !== null && this.#seenMs !== null && now - this.#seenMs <= IDLE_MS) {
      this.#of(this.#slice).ms += now - this.#seenMs
    }
    this.#slice = slice
    this.#seenMs = now
  }

  #of(slice: number): Count {
    let count = this.#counts.get(slice)
    if (count === undefined) {
      count = { clicks: 0, boxes: 0, strokes: 0, undos: 0, ms: 0, model: null, learnedPrompt: null }
      this.#counts.set(slice, count)
    }
    return count
  }
}
