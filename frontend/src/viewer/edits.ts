// Every change of masks, drafts and suggestions of a session, and its undo: recorded in the history, applied, and told to
// those outside. What a person may do, and when, is session.ts. No fetch, no DOM.
import { batch, signal, type ReadonlySignal } from '@preact/signals-core'

import type { Draft } from './draft.ts'
import { History, type Direction } from './history.ts'
import { LabelMasks, reaches } from './label_masks.ts'
import { difference, intersection, isEmpty, sameMask, union, xor, type Mask } from './mask.ts'
import type { Accepted, Change, Decision, MaskChange, SliceFlips, SliceTurn, SuggestionChange } from './session_types.ts'
import { Suggestions, type Decline, type Suggestion } from './suggestions.ts'
import type { ViewState } from './view_state.ts'

export interface EditsOptions {
  readonly view: ViewState
  readonly newId: () => string
  readonly onAccepted: (accepted: Accepted) => void
  readonly onDecision: (decision: Decision) => void
  /** Labels that lose what another one gains. */
  readonly yielding: (labelId: string) => readonly string[]
}

const BY_HAND = { prompts: [], model: null, learnedPrompt: null, suggestionId: null } as const

export class Edits {
  readonly masks: LabelMasks
  readonly suggestions: Suggestions
  readonly history: History<Change>
  /** Counts changes of masks, strokes in progress included: what is drawn from masks depends on it. */
  readonly masksVersion: ReadonlySignal<number>
  /** Counts the changes that are done: what panels compute from masks (volumes, the strip) depends on it. */
  readonly changes: ReadonlySignal<number>
  /** By slice of the acquisition plane. */
  readonly drafts: ReadonlySignal<ReadonlyMap<number, Draft>>

  readonly #masksVersion = signal(0)
  readonly #changes = signal(0)
  readonly #drafts = signal<ReadonlyMap<number, Draft>>(new Map())
  readonly #options: EditsOptions

  constructor(options: EditsOptions) {
    const { shapeKji } = options.view.volume
    this.#options = options
    this.masks = new LabelMasks(shapeKji)
    this.suggestions = new Suggestions(shapeKji)
    this.history = new History((change, direction) => this.#replay(change, direction))
    this.masksVersion = this.#masksVersion
    this.changes = this.#changes
    this.drafts = this.#drafts
  }

  /** What is being painted changed; nothing is done yet. */
  touch(): void {
    this.#masksVersion.value++
  }

  /** Flips voxels of a label: one revision, and one of each label that loses what this one gains. */
  change(
    labelId: string, changed: readonly SliceFlips[], origin: Exclude<Accepted['origin'], 'undo'>,
    provenance: Pick<Accepted, 'prompts' | 'model' | 'learnedPrompt' | 'suggestionId'> = BY_HAND,
  ): void {
    const yielding = this.#options.yielding(labelId)
    const gained = yielding.length === 0 ? [] : changed.map(({ slice, flips }) => ({ slice, added: difference(flips, this.masks.get(labelId, slice)) }))
    this.#changeOne(labelId, changed, origin, provenance)
    for (const other of yielding) {
      const lost = gained.map(({ slice, added }) => ({ slice, flips: intersection(this.masks.get(other, slice), added) }))
      this.#changeOne(other, lost, 'manual', BY_HAND)
    }
  }

  #changeOne(
    labelId: string, changed: readonly SliceFlips[], origin: Exclude<Accepted['origin'], 'undo'>,
    provenance: Pick<Accepted, 'prompts' | 'model' | 'learnedPrompt' | 'suggestionId'>,
  ): void {
    const slices = changed.filter(({ flips }) => !isEmpty(flips))
    if (slices.length === 0) return
    const revision = this.#options.newId()
    this.#turn(labelId, slices, revision)
    const open = this.suggestions.openOf(labelId) // what is drawn takes the place of what was proposed
    this.closeSuggestions(slices.flatMap(({ slice }) => open.get(slice) ?? []), null)
    this.#options.onAccepted({ id: revision, labelId, slices, origin, ...provenance, reverts: null })
  }

  /** Opens, changes or (null) ends the draft of a slice, so that it can be undone. */
  changeDraft(slice: number, after: Draft | null): void {
    this.history.record({ kind: 'draft', slice, before: this.#drafts.value.get(slice) ?? null, after })
    this.setDraft(slice, after)
  }

  /** Not undoable: an answer that came, a question that is asked again. */
  setDraft(slice: number, draft: Draft | null): void {
    const drafts = new Map(this.#drafts.value)
    if (draft === null) drafts.delete(slice)
    else drafts.set(slice, draft)
    this.#drafts.value = drafts
  }

  closeSuggestions([first, ...others]: readonly Suggestion[], as: Decline | null): void {
    if (first === undefined) return
    this.history.record({ kind: 'suggestion', closed: [first, ...others], as })
    this.suggestions.close(first.labelId, [first, ...others].map(({ slice }) => slice), as)
  }

  /** The server made these suggestions of one label a revision (null: all of them were empty, and say that the label is
   *  not there): one step that can be undone. */
  adopt(suggestions: readonly Suggestion[], revision: string | null): void {
    const [shown, empty] = [suggestions.filter(({ mask }) => !isEmpty(mask)), suggestions.filter(({ mask }) => isEmpty(mask))]
    batch(() => {
      this.history.mark()
      if (revision !== null && shown.length > 0) {
        const { labelId } = shown[0]
        const slices = shown.map(({ slice, mask }) => ({ slice, flips: difference(mask, this.masks.get(labelId, slice)) }))
        this.#turn(labelId, slices, revision)
        this.closeSuggestions(shown, null)
      }
      this.closeSuggestions(empty, 'absent')
      this.history.mark()
    })
  }

  /** The server's state of a mask takes the place of ours (first load, somebody else's change). Not undoable. */
  replaceMask(labelId: string, slice: number, mask: Mask): void {
    this.#setMasks(labelId, [{ slice, after: mask }])
  }

  #setMasks(labelId: string, masks: readonly { readonly slice: number; readonly after: Mask }[]): void {
    for (const { slice, after } of masks) this.masks.set(labelId, slice, after)
    batch(() => {
      this.#masksVersion.value++
      this.#changes.value++
    })
  }

  /** Flips voxels, as something that the history can take back. */
  #turn(labelId: string, slices: readonly SliceFlips[], revision: string): void {
    const parts = slices.map(({ slice, flips }) => {
      const before = this.masks.get(labelId, slice)
      return { slice, flips, before, after: xor(before, flips) }
    })
    this.history.record({ kind: 'mask', labelId, parts, revision })
    this.#setMasks(labelId, parts)
  }

  #replay(change: Change, direction: Direction): void {
    if (change.kind === 'draft') {
      this.#goTo([change.slice])
      this.setDraft(change.slice, direction === 'undo' ? change.before : change.after)
    } else if (change.kind === 'suggestion') {
      this.#replaySuggestions(change, direction)
    } else {
      this.#replayMask(change, direction)
    }
  }

  #replaySuggestions({ closed, as }: SuggestionChange, direction: Direction): void {
    const [{ labelId }] = closed, slices = closed.map(({ slice }) => slice)
    this.#goTo(slices)
    if (direction === 'undo') this.suggestions.put(closed)
    else this.suggestions.close(labelId, slices, as)
    const said = direction === 'undo' ? 'open' : as // a mask that comes back closes them on the server by itself
    if (said !== null) this.#options.onDecision({ labelId, suggestions: closed, as: said })
  }

  #replayMask(change: MaskChange, direction: Direction): void {
    this.#goTo(change.parts.map(({ slice }) => slice), change.parts)
    const slices = change.parts.map((part) => this.#turnedBack(change.labelId, part, direction)).filter(({ flips }) => !isEmpty(flips))
    if (slices.length === 0) return
    const id = this.#options.newId()
    this.#setMasks(change.labelId, slices)
    const { labelId, revision } = change
    const drawn = slices.map(({ slice }) => slice).filter((slice) => this.masks.has(labelId, slice))
    this.suggestions.close(labelId, drawn, null)
    this.#options.onAccepted({ id, labelId, slices, origin: 'undo', ...BY_HAND, reverts: revision })
    change.revision = id
  }

  /** What the mask was before, or is again after; what others changed since stays theirs. */
  #turnedBack(labelId: string, { slice, flips, before, after }: SliceTurn, direction: Direction): SliceFlips & { readonly after: Mask } {
    const current = this.masks.get(labelId, slice), [from, to] = direction === 'undo' ? [after, before] : [before, after]
    if (sameMask(current, from)) return { slice, flips, after: to }
    const kept = difference(union(current, difference(to, from)), difference(from, to))
    return { slice, flips: xor(current, kept), after: kept }
  }

  /** A change that nobody sees is no undo: looks at one of the slices unless some of it is on the screen. */
  #goTo(slices: readonly number[], flipped: readonly SliceFlips[] = []): void {
    const { view } = this.#options, axis = view.axis.value
    if (axis === 0 ? slices.includes(view.slice.value) : flipped.some(({ flips }) => reaches(flips, axis, view.slice.value))) return
    view.setAxis(0)
    view.setSlice(slices[Math.floor(slices.length / 2)])
  }
}
