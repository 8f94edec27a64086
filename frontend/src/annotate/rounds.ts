// The masks on the screen against those of the end of a round: laid over each other, side by side, or flipped between. What
// is now changes while somebody draws; what was then does not. Who changed what is the page's to ask.
import { computed, effect, signal, type ReadonlySignal } from '@preact/signals-core'

import type { Client } from '../api/client.ts'
import type { Problem } from '../api/types.ts'
import { mountInput } from '../viewer/input.ts'
import { LabelMasks } from '../viewer/label_masks.ts'
import { area, difference } from '../viewer/mask.ts'
import { mountRenderer, type Canvases } from '../viewer/renderer.ts'
import type { LaidOver, Session } from '../viewer/session.ts'
import { ToolHost } from '../viewer/tools/host.ts'
import type { VolumeInfo } from './annotator.ts'
import { masksOf, type Round } from './differences.ts'

export const ADDED_COLOR = '#35a7ff'
export const REMOVED_COLOR = '#ffb000'

/** Only the masks of now; what was added and removed over them; both rounds beside each other, what was added over the
 *  one and what was removed over the other. */
export type RoundView = 'off' | 'over' | 'beside'
export type PastRound = Exclude<Round, 'now'>

export interface RoundsOptions {
  readonly api: Client
  readonly session: Session
  readonly volume: VolumeInfo
  /** Whose masks are on the screen. */
  readonly personId: string
}

interface Parts { readonly versions: readonly [number, number]; readonly parts: readonly [LaidOver<LabelMasks>, LaidOver<LabelMasks>] }

export class Rounds {
  readonly #options: RoundsOptions
  readonly #view = signal<RoundView>('off')
  readonly #round = signal<PastRound | null>(null)
  readonly #problem = signal<Problem | null>(null)
  readonly #known = new Map<string, Parts>() // by label
  #loads = 0
  readonly #stop: () => void

  constructor(options: RoundsOptions) {
    this.#options = options
    const { session } = options
    this.#stop = effect(() => {
      const view = this.#view.value
      if (view === 'over') session.laidOver.value = this.#laidOver()
      else if (view === 'beside') session.laidOver.value = this.#laidOver().map((part) => ({ ...part, on: part.color === ADDED_COLOR ? 'now' : 'earlier' }))
    })
  }

  readonly view: ReadonlySignal<RoundView> = this.#view
  /** Whose end is compared with; null until one is chosen. */
  readonly round: ReadonlySignal<PastRound | null> = this.#round
  readonly problem: ReadonlySignal<Problem | null> = this.#problem
  /** The masks of then are at hand. */
  readonly ready = computed(() => this.#options.session.before.value !== null)
  /** The masks of then stand in place of those of now. */
  readonly flipped = computed(() => this.#options.session.earlier.value !== null)
  /** Slices of the active label, or of all, that are not what they were, in their order. */
  readonly changed = computed<readonly number[]>(() => {
    const { session } = this.#options
    const over = this.#laidOver().filter(({ labelId }) => labelId === session.activeLabelId.value)
    return [...new Set(over.flatMap(({ labelId, masks }) => masks.slices(labelId)))].toSorted((a, b) => a - b)
  })

  /** Loads the masks of then and shows them this way. */
  async compare(round: PastRound, view: RoundView): Promise<void> {
    const { api, volume, session, personId } = this.#options
    this.setView(view)
    if (round === this.#round.peek() && session.before.peek() !== null) return
    this.#round.value = round
    session.before.value = null
    this.#known.clear()
    const load = ++this.#loads
    const { data, error } = await masksOf(api, volume.id, volume.shapeKji, { personId, round })
    if (load !== this.#loads) return // another one was chosen meanwhile
    this.#problem.value = error ?? null
    session.before.value = data ?? null
  }

  setView(view: RoundView): void {
    const { session } = this.#options
    this.#view.value = view
    if (view === 'off') session.laidOver.value = []
    if (view !== 'over') session.flipped.value = false
  }

  /** To the masks of then and back. */
  flip(): void {
    const { session } = this.#options
    if (session.before.peek() !== null) session.flipped.value = !session.flipped.peek()
  }

  /** Shows the next slice on which the active label has changed; after the last one the first. */
  next(): void {
    const { view } = this.#options.session
    const changed = this.changed.peek()
    if (changed.length === 0) return
    const here = view.axis.peek() === 0 ? view.slice.peek() : -1
    view.setAxis(0)
    view.setSlice(changed.find((slice) => slice > here) ?? changed[0])
  }

  /** Draws the masks of then in a pane of their own until the returned function is called. It looks through the same view
   *  as the main one: slice, zoom, place and window cannot differ. */
  attach(canvases: Canvases): () => void {
    const { session } = this.#options
    const stops = [
      mountRenderer(session, session.view, canvases, () => session.before.value),
      mountInput(session, session.view, new ToolHost(session, session.view, false), canvases.overlay),
    ]
    return () => { for (const stop of stops) stop() }
  }

  /** Back to the masks of now alone. */
  close(): void {
    this.#loads++
    this.setView('off')
    this.#options.session.before.value = null
    this.#round.value = null
  }

  stop(): void {
    this.close()
    this.#stop()
  }

  /** What every label has gained and lost. */
  #laidOver(): readonly LaidOver<LabelMasks>[] {
    const { session } = this.#options
    const before = session.before.value
    void session.changes.value
    return before === null ? [] : session.labels.value.flatMap(({ id }) => this.#parts(id, before))
  }

  #parts(labelId: string, before: LabelMasks): readonly LaidOver<LabelMasks>[] {
    const { session: { masks }, volume } = this.#options
    const versions = [masks.version(labelId), before.version(labelId)] as const
    const known = this.#known.get(labelId)
    if (known?.versions[0] === versions[0] && known.versions[1] === versions[1]) return known.parts
    const added = new LabelMasks(volume.shapeKji), removed = new LabelMasks(volume.shapeKji)
    for (const slice of new Set([...masks.slices(labelId), ...before.slices(labelId)])) {
      const now = masks.get(labelId, slice), then = before.get(labelId, slice)
      const more = difference(now, then), less = difference(then, now)
      if (area(more) > 0) added.set(labelId, slice, more)
      if (area(less) > 0) removed.set(labelId, slice, less)
    }
    const parts = [{ labelId, color: ADDED_COLOR, masks: added }, { labelId, color: REMOVED_COLOR, masks: removed }] as const
    this.#known.set(labelId, { versions, parts })
    return parts
  }
}
