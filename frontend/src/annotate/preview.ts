// What the model would answer: to a click where the pointer rests on a slice that it has read, and to a box, a scribble, an
// outline or a prompt that is moved, while the hand draws or moves it. The page shows the outline; nothing is kept, and the
// same question asked in earnest is answered with it at once.
import { effect, type ReadonlySignal } from '@preact/signals-core'

import type { Client } from '../api/client.ts'
import type { PredictionOut } from '../api/types.ts'
import type { Answer, Draft } from '../viewer/draft.ts'
import { drawnPrompt } from '../viewer/drawn_prompt.ts'
import { contains, isEmpty } from '../viewer/mask.ts'
import type { Session } from '../viewer/session.ts'
import { answerOf, questionOf } from './question.ts'

export interface PreviewOptions {
  readonly api: Client
  readonly volumeId: string
  readonly session: Session
  readonly wanted: ReadonlySignal<boolean>
  readonly encoded: ReadonlySignal<ReadonlySet<number>>
  readonly wait: (ms: number) => Promise<void>
}

/** Before a pointer counts as resting. */
const REST_MS = 200
/** Between two questions while the hand draws. */
const DRAWING_MS = 80

/** `asked`: the question as text, to be compared. */
interface Question { readonly draft: Draft; readonly asked: string; readonly drawing: boolean }

interface Previewed { readonly asked: string; readonly slice: number; readonly answer: Answer }

export class Preview {
  readonly #options: PreviewOptions
  #turn = 0
  #request: AbortController | null = null
  #shown: Previewed | null = null
  /** The newest question of a hand that draws, while an older one is on its way. */
  #next: Question | null = null
  #asking = false

  constructor(options: PreviewOptions) {
    this.#options = options
  }

  /** Watches the pointer until the returned function is called. */
  start(): () => void {
    const stop = effect(() => {
      const question = this.#question(), known = this.#shown
      if (question?.drawing) return this.#follow(question)
      this.#hide()
      if (question === null) return // what is known may be the answer to the question that has just been asked in earnest
      if (known?.asked === question.asked) return this.#show(known)
      this.#shown = null
      void this.#ask(question, REST_MS)
    })
    return () => {
      stop()
      this.#hide()
    }
  }

  /** What was shown, if it is the answer to this question. */
  answerTo(draft: Draft): Answer | null {
    return this.#shown !== null && this.#shown.asked === asText(draft) ? this.#shown.answer : null
  }

  /** What would be asked if the hand let go; at rest, what a click would ask. */
  #question(): Question | null {
    const { session, wanted, encoded } = this.#options
    if (!wanted.value || !session.canDraw.value || !encoded.value.has(session.view.slice.value)) return null
    const prompt = drawnPrompt(session)
    const drawn = prompt === null ? session.draftInHand() : session.draftWith(prompt)
    const draft = drawn ?? this.#atRest()
    return draft && { draft, asked: asText(draft), drawing: drawn !== null }
  }

  /** Where a click would open a question: nothing is open there, and nothing accepted would be opened again. */
  #atRest(): Draft | null {
    const { session } = this.#options, { view, activeLabelId } = session
    if (session.tool.value !== 'point') return null
    const voxel = view.cursorVoxel.value
    if (voxel === null || session.draft.value !== null || session.suggestion.value !== null) return null
    void session.changes.value
    if (contains(session.masks.get(activeLabelId.value!, view.slice.value), voxel[2], voxel[1])) return null
    return session.draftWith({ kind: 'point', x: voxel[2], y: voxel[1], positive: true })
  }

  /** One question at a time while the hand draws, always the newest; what was shown stays until there is an answer. */
  #follow(question: Question): void {
    if (this.#asking) {
      this.#next = question
      return
    }
    if (this.#shown?.asked === question.asked && this.#options.session.preview.peek() !== null) return
    this.#turn++
    this.#request?.abort()
    void this.#ask(question, 0)
  }

  async #ask(question: Question, afterMs: number): Promise<void> {
    const { api, volumeId, wait } = this.#options
    const turn = this.#turn
    if (afterMs > 0) await wait(afterMs)
    if (turn !== this.#turn) return
    const request = new AbortController()
    this.#request = request
    this.#asking = question.drawing
    const { data } = await api.post<PredictionOut>(`/api/volumes/${volumeId}/predictions`, { json: questionOf(question.draft), signal: request.signal, idempotent: false })
    if (turn !== this.#turn) return
    if (data) { // it is only a preview: what goes wrong is said when somebody clicks
      this.#shown = { asked: question.asked, slice: question.draft.slice, answer: answerOf(data, question.draft) }
      this.#show(this.#shown)
    }
    if (!question.drawing) return
    await wait(DRAWING_MS)
    if (turn !== this.#turn) return
    this.#asking = false
    const next = this.#next
    this.#next = null
    if (next !== null) this.#follow(next)
  }

  #show({ slice, answer: { mask } }: Previewed): void {
    this.#options.session.preview.value = isEmpty(mask) ? null : { slice, mask }
  }

  /** What is on its way is given up. */
  #hide(): void {
    this.#turn++
    this.#request?.abort()
    this.#request = null
    this.#next = null
    this.#asking = false
    if (this.#options.session.preview.peek() !== null) this.#options.session.preview.value = null
  }
}

function asText(draft: Draft): string {
  return JSON.stringify(questionOf(draft))
}
