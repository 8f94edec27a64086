// What jobs proposed for whole slices and nobody has decided on yet (the server calls them proposals; here a proposal is
// the draft under the hand), and where one was turned down. At most one is open for a label on a slice. Who decides, and
// what that does to masks, is session.ts.
import { batch, signal, type ReadonlySignal } from '@preact/signals-core'

import type { BoxPrompt, Prompt } from './draft.ts'
import type { Triple } from './geometry.ts'
import { LabelMasks } from './label_masks.ts'
import { emptyMask, type Mask } from './mask.ts'

export interface Suggestion {
  readonly id: string
  readonly labelId: string
  /** Of the acquisition plane. */
  readonly slice: number
  /** Empty: the label was not found on this slice. */
  readonly mask: Mask
  /** 0..1; ranks the slices of one run. */
  readonly confidence: number
  /** What the model was asked; none where nothing was found. */
  readonly prompts: readonly Prompt[]
  /** With which instances were asked for one by one, where there is no one prompt: to be seen. */
  readonly instanceBoxes: readonly BoxPrompt[]
  readonly model: string
  readonly learnedPrompt: string | null
}

/** `absent`: the person said that the slice does not show the label. */
export type Decline = 'rejected' | 'absent'

type BySlice<T> = ReadonlyMap<number, T>
type ByLabel<T> = ReadonlyMap<string, BySlice<T>>


export class Suggestions {
  /** The open ones' masks, to be shown in all three planes. */
  readonly masks: LabelMasks
  readonly #shape: Triple
  readonly #open = signal<ByLabel<Suggestion>>(new Map())
  readonly #declined = signal<ByLabel<Decline>>(new Map())

  constructor(shapeKji: Triple) {
    this.#shape = shapeKji
    this.masks = new LabelMasks(shapeKji)
  }

  readonly open: ReadonlySignal<ByLabel<Suggestion>> = this.#open
  readonly declined: ReadonlySignal<ByLabel<Decline>> = this.#declined

  openOf(labelId: string | null): BySlice<Suggestion> {
    return (labelId !== null && this.#open.value.get(labelId)) || new Map()
  }

  declinedOf(labelId: string | null): BySlice<Decline> {
    return (labelId !== null && this.#declined.value.get(labelId)) || new Map()
  }

  /** Opens them, each in place of an older one and of what was said about its slice. */
  put(suggestions: readonly Suggestion[]): void {
    batch(() => {
      for (const labelId of new Set(suggestions.map((suggestion) => suggestion.labelId))) {
        const open = new Map(this.openOf(labelId)), declined = new Map(this.declinedOf(labelId))
        for (const suggestion of suggestions.filter((other) => other.labelId === labelId)) {
          this.masks.set(labelId, suggestion.slice, suggestion.mask)
          open.set(suggestion.slice, suggestion)
          declined.delete(suggestion.slice)
        }
        this.#publish(labelId, open, declined)
      }
    })
  }

  /** Closes what is open on these slices. `as` stays visible on the strip. */
  close(labelId: string, slices: readonly number[], as: Decline | null): void {
    const before = this.openOf(labelId), closing = slices.filter((slice) => before.has(slice))
    if (closing.length === 0 && (as === null || slices.length === 0)) return
    const open = new Map(before), declined = new Map(this.declinedOf(labelId))
    for (const slice of closing) {
      this.masks.set(labelId, slice, emptyMask(this.#shape[1], this.#shape[2]))
      open.delete(slice)
    }
    if (as !== null) for (const slice of slices) declined.set(slice, as)
    this.#publish(labelId, open, declined)
  }

  /** The server's state of one label takes the place of ours. */
  replace(labelId: string, open: readonly Suggestion[], declined: BySlice<Decline>): void {
    batch(() => {
      this.close(labelId, [...this.openOf(labelId).keys()], null)
      for (const { slice, mask } of open) this.masks.set(labelId, slice, mask)
      this.#publish(labelId, new Map(open.map((suggestion) => [suggestion.slice, suggestion])), declined)
    })
  }

  #publish(labelId: string, open: BySlice<Suggestion>, declined: BySlice<Decline>): void {
    batch(() => {
      this.#open.value = new Map(this.#open.value).set(labelId, open)
      this.#declined.value = new Map(this.#declined.value).set(labelId, declined)
    })
  }
}
