// What a click would give: while the pointer rests on a slice that the model has read, it is asked for a point there, and
// the page shows the outline. Nothing is kept; a click at the same place is answered with it at once.
import { effect, type ReadonlySignal } from '@preact/signals-core'

import type { Client } from '../api/client.ts'
import type { PredictionOut } from '../api/types.ts'
import type { Answer, Draft } from '../viewer/draft.ts'
import { contains, fromCoco, isEmpty } from '../viewer/mask.ts'
import type { Session } from '../viewer/session.ts'

export interface PreviewOptions {
  readonly api: Client
  readonly volumeId: string
  readonly session: Session
  readonly wanted: ReadonlySignal<boolean>
  readonly encoded: ReadonlySignal<ReadonlySet<number>>
  readonly wait: (ms: number) => Promise<void>
}

const REST_MS = 200

interface Place { readonly slice: number; readonly labelId: string; readonly x: number; readonly y: number }

interface Previewed { readonly place: Place; readonly answer: Answer }

export class Preview {
  readonly #options: PreviewOptions
  #turn = 0
  #request: AbortController | null = null
  #shown: Previewed | null = null

  constructor(options: PreviewOptions) {
    this.#options = options
  }

  /** Watches the pointer until the returned function is called. */
  start(): () => void {
    const stop = effect(() => {
      const place = this.#place(), known = this.#shown
      this.#hide()
      if (place === null) return // what is known may be the answer to the click that has just come
      if (known !== null && same(place, known.place)) return this.#show(known)
      this.#shown = null
      void this.#ask(place)
    })
    return () => {
      stop()
      this.#hide()
    }
  }

  /** What was shown, if it is the answer to this question. */
  answerTo({ slice, labelId, prompts, context, plain }: Draft): Answer | null {
    const [first, ...others] = prompts
    if (this.#shown === null || others.length > 0 || context !== null || plain || first?.kind !== 'point' || !first.positive) return null
    return same(this.#shown.place, { slice, labelId, x: first.x, y: first.y }) ? this.#shown.answer : null
  }

  /** Where a click would open a question: nothing is open there, and nothing accepted would be opened again. */
  #place(): Place | null {
    const { session, wanted, encoded } = this.#options
    const labelId = session.activeLabelId.value, voxel = session.view.cursorVoxel.value, slice = session.view.slice.value
    if (!wanted.value || session.tool.value !== 'point' || !session.canDraw.value || labelId === null || voxel === null) return null
    if (session.draft.value !== null || session.suggestion.value !== null || !encoded.value.has(slice)) return null
    void session.changes.value
    if (contains(session.masks.get(labelId, slice), voxel[2], voxel[1])) return null
    return { slice, labelId, x: voxel[2], y: voxel[1] }
  }

  async #ask(place: Place): Promise<void> {
    const { api, volumeId, wait } = this.#options
    const turn = this.#turn
    await wait(REST_MS)
    if (turn !== this.#turn) return
    const request = new AbortController()
    this.#request = request
    const json = { slice: place.slice, label_id: place.labelId, points: [{ x: place.x, y: place.y, positive: true }] }
    const { data } = await api.post<PredictionOut>(`/api/volumes/${volumeId}/predictions`, { json, signal: request.signal, idempotent: false })
    if (turn !== this.#turn || !data) return // it is only a preview: what goes wrong is said when somebody clicks
    this.#shown = { place, answer: { mask: fromCoco(data.mask), score: data.score, model: data.model, learnedPrompt: data.learned_prompt?.id ?? null } }
    this.#show(this.#shown)
  }

  #show({ place: { slice }, answer: { mask } }: Previewed): void {
    this.#options.session.preview.value = isEmpty(mask) ? null : { slice, mask }
  }

  /** What is on its way is given up. */
  #hide(): void {
    this.#turn++
    this.#request?.abort()
    this.#request = null
    if (this.#options.session.preview.peek() !== null) this.#options.session.preview.value = null
  }
}

function same(a: Place, b: Place): boolean {
  return a.slice === b.slice && a.labelId === b.labelId && a.x === b.x && a.y === b.y
}
