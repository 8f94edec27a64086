// One volume open for annotation: labels, masks, drafts, the running stroke, and their undo. No fetch, no DOM.
// How it is looked at is `view` (view_state.ts). What a person accepts leaves through `onAccepted`, once per revision.
//
// Where the brush goes: into the open draft of the visible slice when there is one (so click, fix by brush and Enter are
// one revision), else straight into the active label, as a revision of its own at pointer-up.
import { batch, computed, signal, type ReadonlySignal } from '@preact/signals-core'

import {
  draftOf, flipsOfAccepting, isAcceptable, newDraft, proposalOf, withAnswer, withPlain, withPrompt, withPrompts, withStroke,
  type Answer, type Draft, type Prompt,
} from './draft.ts'
import { slicePixelMm, type SlicePoint } from './geometry.ts'
import { History, type Direction } from './history.ts'
import { LabelMasks } from './label_masks.ts'
import {
  ByteMask, difference, intersection, isEmpty, objectAt, sameMask, union, xor, type Mask,
} from './mask.ts'
import { between } from './morphology.ts'
import { polygonMask } from './polygon.ts'
import { paint, type Brush } from './stroke.ts'
import type {
  Accepted, Change, Decision, Grabbed, LabelStyle, MaskChange, SessionOptions, SliceFlips, SuggestionChange, Work,
} from './session_types.ts'
import { Suggestions, type Decline, type Suggestion } from './suggestions.ts'
import type { ToolId } from './tools/tool.ts'
import { ViewState } from './view_state.ts'

export type * from './session_types.ts'

interface Stroke {
  readonly draft: Draft | null
  readonly before: Mask
  readonly work: ByteMask
  readonly brush: Brush
  last: SlicePoint
}

/** The first brush in parts of the picture's short side. */
const FIRST_BRUSH_SHARE = 0.02
export const BRUSH_LEAST_MM = 0.05
export const BRUSH_MOST_MM = 150

const BY_HAND = { prompts: [], model: null, learnedPrompt: null, suggestionId: null } as const

export class Session {
  readonly view: ViewState
  readonly masks: LabelMasks
  readonly suggestions: Suggestions
  readonly history: History<Change>

  readonly tool = signal<ToolId>('window')
  readonly labels = signal<readonly LabelStyle[]>([])
  readonly activeLabelId = signal<string | null>(null)
  readonly hiddenLabels = signal<ReadonlySet<string>>(new Set())
  readonly masksVisible = signal(true)
  readonly opacity = signal(0.4)
  readonly brushRadiusMm
  readonly threshold = signal<readonly [low: number, high: number] | null>(null)
  /** Counts changes of masks, strokes in progress included: what is drawn from masks depends on it. */
  readonly masksVersion: ReadonlySignal<number>
  /** Counts the changes that are done: what panels compute from masks (volumes, the strip) depends on it. */
  readonly changes: ReadonlySignal<number>
  /** The box that is being drawn. */
  readonly rubberBand = signal<{ readonly from: SlicePoint; readonly to: SlicePoint } | null>(null)
  /** The outline that is being drawn, on this slice. */
  readonly outline = signal<{ readonly slice: number; readonly points: readonly SlicePoint[] } | null>(null)
  /** The prompt that is being dragged. */
  readonly grabbed = signal<Grabbed | null>(null)
  readonly drafts: ReadonlySignal<ReadonlyMap<number, Draft>>

  readonly #masksVersion = signal(0)
  readonly #changes = signal(0)
  readonly #drafts = signal<ReadonlyMap<number, Draft>>(new Map())
  readonly #readOnly: boolean
  readonly #newId: () => string
  readonly #onAccepted: (accepted: Accepted) => void
  readonly #onDecision: (decision: Decision) => void
  readonly #onWork: (slice: number, work: Work) => void
  readonly #work: ByteMask
  #stroke: Stroke | null = null
  #nextDraftId = 1

  constructor({ volume, window, readOnly = false, newId, onAccepted, onDecision = () => {}, onWork = () => {} }: SessionOptions) {
    this.view = new ViewState(volume, window)
    this.masks = new LabelMasks(volume.shapeKji)
    this.suggestions = new Suggestions(volume.shapeKji)
    this.history = new History((change, direction) => this.#replay(change, direction))
    this.masksVersion = this.#masksVersion
    this.changes = this.#changes
    this.drafts = this.#drafts
    this.#readOnly = readOnly
    this.#newId = newId
    this.#onAccepted = onAccepted
    this.#onDecision = onDecision
    this.#onWork = onWork
    this.#work = new ByteMask(volume.shapeKji[1], volume.shapeKji[2])
    const { row, column } = slicePixelMm(volume, 0)
    const shortSideMm = Math.min(volume.shapeKji[1] * row, volume.shapeKji[2] * column)
    this.brushRadiusMm = signal(Math.max(FIRST_BRUSH_SHARE * shortSideMm, 1.5 * Math.max(row, column)))
  }

  /** Prompts and brush work in the acquisition plane, on a label, for those who may annotate. */
  readonly canDraw = computed(() =>
    !this.#readOnly && this.view.axis.value === 0 && this.activeLabelId.value !== null)
  /** The draft of the visible slice. */
  readonly draft = computed<Draft | null>(() =>
    this.view.axis.value === 0 ? this.#drafts.value.get(this.view.slice.value) ?? null : null)
  /** What a job proposed for the active label on the visible slice, until a draft takes its place. */
  readonly suggestion = computed<Suggestion | null>(() =>
    this.view.axis.value !== 0 || this.draft.value !== null ? null
      : this.suggestions.openOf(this.activeLabelId.value).get(this.view.slice.value) ?? null)
  /** The prompts on the screen: the draft's, else those that made the suggestion. */
  readonly prompts = computed<readonly Prompt[]>(() => {
    const prompts = (this.draft.value ?? this.suggestion.value)?.prompts ?? []
    const grabbed = this.grabbed.value
    const here = grabbed !== null && prompts[grabbed.grip.index] === grabbed.grip.prompt // and not on another slice
    return here ? prompts.with(grabbed.grip.index, grabbed.prompt) : prompts
  })

  // -- labels --
  setLabels(labels: readonly LabelStyle[]): void {
    batch(() => {
      this.labels.value = labels
      if (!labels.some((label) => label.id === this.activeLabelId.value)) this.activeLabelId.value = labels[0]?.id ?? null
    })
  }

  /** The open draft of the visible slice goes with the choice, unless it re-opened an object of its label. */
  setActiveLabel(id: string): void {
    if (!this.labels.value.some((label) => label.id === id)) return
    batch(() => {
      this.activeLabelId.value = id
      const draft = this.draft.value
      if (draft === null || draft.labelId === id || draft.base !== null) return
      this.history.mark()
      this.#changeDraft(draft.slice, { ...draft, labelId: id })
    })
  }

  setLabelVisible(id: string, visible: boolean): void {
    const hidden = new Set(this.hiddenLabels.value)
    if (visible) hidden.delete(id)
    else hidden.add(id)
    this.hiddenLabels.value = hidden
  }

  isVisible(labelId: string): boolean {
    return this.masksVisible.value && !this.hiddenLabels.value.has(labelId)
  }

  // -- drafts --
  /** A prompt on the visible slice. It adds to a suggestion's; without one, a first positive point inside an accepted
   *  object of the active label re-opens that object. */
  addPrompt(prompt: Prompt, held: boolean): void {
    const labelId = this.activeLabelId.value
    if (!this.canDraw.value || labelId === null || this.view.image.value === null) return
    const slice = this.view.slice.value
    this.history.mark()
    const draft = this.draft.value ?? this.#taken() ?? this.#openDraft(slice, labelId, prompt)
    this.#changeDraft(slice, withPrompt(draft, this.#nextDraftId++, prompt, held))
    this.#onWork(slice, prompt.kind === 'box' ? 'box' : 'click')
  }

  removePrompt(index: number): void {
    this.#replacePrompts((prompts) => prompts.toSpliced(index, 1), 'undo')
  }

  removeLastPrompt(): void {
    this.removePrompt(this.prompts.value.length - 1)
  }

  /** The prompt in the hand is let go: if it is elsewhere or of another size now, the model is asked again. */
  dropPrompt(): void {
    const grabbed = this.grabbed.value
    this.grabbed.value = null
    if (grabbed === null || grabbed.prompt === grabbed.grip.prompt) return
    const { grip: { index, prompt: before }, prompt } = grabbed
    if (this.prompts.value[index] !== before) return
    this.#replacePrompts((prompts) => prompts.with(index, prompt), prompt.kind === 'box' ? 'box' : 'click')
  }

  /** Asks the open question again, of the plain model or of what was learned. */
  setPlain(plain: boolean): void {
    const draft = this.draft.value
    if (draft === null || draft.plain === plain || draft.prompts.length === 0) return
    this.#setDraft(draft.slice, withPlain(draft, this.#nextDraftId++, plain))
  }

  /** Ends collecting: the assistant asks with all prompts. */
  askNow(): void {
    const draft = this.draft.value
    if (draft?.held) this.#setDraft(draft.slice, { ...draft, held: false })
  }

  /** The model's answer to the draft with this id; false when nobody waits for it any more. */
  answer(draftId: number, answer: Answer): boolean {
    for (const draft of this.#drafts.value.values()) {
      if (draft.id !== draftId) continue
      this.#onWork(draft.slice, answer)
      this.#setDraft(draft.slice, withAnswer(draft, answer))
      return true
    }
    return false
  }

  /** Makes the draft of the visible slice part of its label. False when there is nothing to accept yet. */
  accept(): boolean {
    const draft = this.draft.value
    if (draft === null || !isAcceptable(draft)) return false
    batch(() => {
      this.history.mark()
      this.#changeDraft(draft.slice, null)
      const flips = flipsOfAccepting(draft, this.masks.get(draft.labelId, draft.slice))
      const { answer, prompts, suggestionId } = draft
      const provenance = { prompts, model: answer?.model ?? null, learnedPrompt: answer?.learnedPrompt ?? null, suggestionId }
      const origin = answer === null ? 'manual' : answer.learnedPrompt === null ? 'sam' : 'assist'
      this.#change(draft.labelId, [{ slice: draft.slice, flips }], origin, provenance)
      this.history.mark()
    })
    return true
  }

  reject(): boolean {
    const draft = this.draft.value
    if (draft === null) return false
    this.history.mark()
    this.#changeDraft(draft.slice, null)
    return true
  }

  // -- suggestions --
  /** Turns the suggestion of the visible slice down. */
  decline(as: Decline): boolean {
    const suggestion = this.suggestion.value
    if (this.#readOnly || suggestion === null) return false
    batch(() => {
      this.history.mark()
      this.#closeSuggestions([suggestion], as)
      this.history.mark()
      this.#onDecision({ labelId: suggestion.labelId, suggestions: [suggestion], as })
    })
    return true
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
        const parts = slices.map(({ slice, flips }) => ({ slice, added: flips, removed: intersection(flips, this.masks.get(labelId, slice)) }))
        this.history.record({ kind: 'mask', labelId, parts, revision })
        this.#flip(labelId, slices)
        this.#closeSuggestions(shown, null)
      }
      this.#closeSuggestions(empty, 'absent')
      this.history.mark()
    })
  }

  // -- whole-slice edits --
  clearSlice(): void {
    const labelId = this.activeLabelId.value
    if (!this.canDraw.value || labelId === null) return
    const slice = this.view.slice.value
    this.history.mark()
    this.#change(labelId, [{ slice, flips: this.masks.get(labelId, slice) }], 'manual')
  }

  copyFromSlice(step: -1 | 1): void {
    const labelId = this.activeLabelId.value
    if (!this.canDraw.value || labelId === null) return
    const slice = this.view.slice.value
    const current = this.masks.get(labelId, slice)
    this.history.mark()
    this.#change(labelId, [{ slice, flips: difference(this.masks.get(labelId, slice + step), current) }], 'manual')
  }

  /** Turns the open proposal, else the active label on the visible slice, into what `edit` makes of it. */
  editMask(edit: (mask: Mask) => Mask): void {
    const labelId = this.activeLabelId.value
    if (!this.canDraw.value || labelId === null || this.view.image.value === null) return
    const draft = this.draft.value ?? this.#taken(), slice = this.view.slice.value
    this.history.mark()
    if (draft !== null) {
      const before = proposalOf(draft), after = edit(before)
      if (!sameMask(before, after)) this.#changeDraft(slice, withStroke(draft, before, after))
    } else {
      const before = this.masks.get(labelId, slice)
      this.#change(labelId, [{ slice, flips: xor(before, edit(before)) }], 'manual')
    }
    this.#onWork(slice, 'stroke')
  }

  /** Adds what a closed outline encloses, or takes it away. */
  fillOutline(points: readonly SlicePoint[], away: boolean): void {
    const { rows, columns } = this.view.shape.value
    if (points.length < 3) return
    const region = polygonMask(rows, columns, points)
    this.editMask((mask) => (away ? difference(mask, region) : union(mask, region)))
  }

  /** The slices of the active label below and above the visible one, when that one lies in a gap between them. */
  gap(): readonly [below: number, above: number] | null {
    const labelId = this.activeLabelId.value
    const slice = this.view.slice.value
    if (!this.canDraw.value || labelId === null || this.masks.has(labelId, slice)) return null
    const slices = this.masks.slices(labelId)
    const below = Math.max(...slices.filter((k) => k < slice)), above = Math.min(...slices.filter((k) => k > slice))
    return Number.isFinite(below) && Number.isFinite(above) ? [below, above] : null
  }

  /** Fills the gap around the visible slice with shapes between the two that bound it, as one revision. */
  interpolate(): void {
    const ends = this.gap()
    if (ends === null) return
    const [below, above] = ends, labelId = this.activeLabelId.value!
    const pixelMm = slicePixelMm(this.view.volume, 0)
    const first = this.masks.get(labelId, below), last = this.masks.get(labelId, above)
    const parts: SliceFlips[] = []
    for (let slice = below + 1; slice < above; slice++) {
      parts.push({ slice, flips: between(first, last, (slice - below) / (above - below), pixelMm) })
    }
    this.history.mark()
    this.#change(labelId, parts, 'interpolation')
  }

  // -- brush --
  beginStroke(at: SlicePoint, erase: boolean): boolean {
    const labelId = this.activeLabelId.value
    const image = this.view.image.value
    if (!this.canDraw.value || labelId === null || image === null) return false // nobody paints on what is not shown
    const taken = this.#taken(), draft = taken ?? this.draft.value
    const before = draft ? proposalOf(draft) : this.masks.get(labelId, this.view.slice.value)
    const threshold = this.threshold.value
    const range = threshold && image.channels === 1 ? { values: image.data, low: threshold[0], high: threshold[1] } : null
    const brush = { radiusMm: this.brushRadiusMm.value, pixelMm: slicePixelMm(this.view.volume, 0), erase, range }
    batch(() => {
      this.masksVisible.value = true
      this.setLabelVisible(draft?.labelId ?? labelId, true)
      this.history.mark()
      if (taken) this.#changeDraft(taken.slice, taken)
      this.#stroke = { draft, before, work: this.#work.load(before), brush, last: at }
      this.extendStroke(at)
    })
    return true
  }

  extendStroke(to: SlicePoint): void {
    const stroke = this.#stroke
    if (stroke === null) return
    paint(stroke.work, stroke.last, to, stroke.brush)
    stroke.last = to
    this.#masksVersion.value++
  }

  endStroke(): void {
    const stroke = this.#stroke
    if (stroke === null) return
    batch(() => {
      this.#stroke = null
      this.#masksVersion.value++
      const after = stroke.work.toMask()
      if (sameMask(stroke.before, after)) return
      const { draft } = stroke
      this.#onWork(this.view.slice.value, 'stroke')
      if (draft !== null) {
        // An answer may have come while the hand was painting: the stroke goes on top of the newest state.
        const newest = this.#drafts.value.get(draft.slice)
        if (newest !== undefined) this.#changeDraft(draft.slice, withStroke(newest, stroke.before, after))
      } else {
        const flips = xor(stroke.before, after)
        this.#change(this.activeLabelId.value!, [{ slice: this.view.slice.value, flips }], 'manual')
      }
    })
  }

  cancelStroke(): void {
    this.#stroke = null
    this.#masksVersion.value++
  }

  /** What is being painted: bytes to show in place of the label's mask or the draft's proposal. */
  get strokeInProgress(): { readonly work: ByteMask; readonly inDraft: boolean } | null {
    return this.#stroke && { work: this.#stroke.work, inDraft: this.#stroke.draft !== null }
  }

  setBrushRadiusMm(radius: number): void {
    this.brushRadiusMm.value = Math.min(BRUSH_MOST_MM, Math.max(BRUSH_LEAST_MM, radius))
  }

  setOpacity(opacity: number): void {
    this.opacity.value = Math.min(1, Math.max(0, opacity))
  }

  // -- history --
  undo(): void {
    batch(() => {
      this.history.undo()
      this.#onWork(this.view.slice.value, 'undo')
    })
  }

  redo(): void {
    batch(() => this.history.redo())
  }

  /** The server's state of a mask takes the place of ours (first load, somebody else's change). Not undoable. */
  replaceMask(labelId: string, slice: number, mask: Mask): void {
    batch(() => this.#setMask(labelId, slice, mask))
  }

  #openDraft(slice: number, labelId: string, first: Prompt): Draft {
    const current = this.masks.get(labelId, slice)
    const reopens = first.kind === 'point' && this.isVisible(labelId)
    const base = reopens ? objectAt(current, first.x, first.y) : null
    return newDraft(this.#nextDraftId++, slice, labelId, current, base)
  }

  /** The suggestion of the visible slice as a draft that is not open yet. */
  #taken(): Draft | null {
    const suggestion = this.canDraw.value ? this.suggestion.value : null
    return suggestion && draftOf(suggestion, this.#nextDraftId++)
  }

  #replacePrompts(edit: (prompts: readonly Prompt[]) => readonly Prompt[], work: Work): void {
    const draft = this.draft.value ?? this.#taken()
    if (draft === null || draft.prompts.length === 0) return
    this.history.mark()
    this.#changeDraft(draft.slice, withPrompts(draft, this.#nextDraftId++, edit(draft.prompts)))
    this.#onWork(draft.slice, work)
  }

  #closeSuggestions([first, ...others]: readonly Suggestion[], as: Decline | null): void {
    if (first === undefined) return
    this.history.record({ kind: 'suggestion', closed: [first, ...others], as })
    this.suggestions.close(first.labelId, [first, ...others].map(({ slice }) => slice), as)
  }

  #changeDraft(slice: number, after: Draft | null): void {
    this.history.record({ kind: 'draft', slice, before: this.#drafts.value.get(slice) ?? null, after })
    this.#setDraft(slice, after)
  }

  #setDraft(slice: number, draft: Draft | null): void {
    const drafts = new Map(this.#drafts.value)
    if (draft === null) drafts.delete(slice)
    else drafts.set(slice, draft)
    this.#drafts.value = drafts
  }

  #change(
    labelId: string, changed: readonly SliceFlips[], origin: Exclude<Accepted['origin'], 'undo'>,
    provenance: Pick<Accepted, 'prompts' | 'model' | 'learnedPrompt' | 'suggestionId'> = BY_HAND,
  ): void {
    const slices = changed.filter(({ flips }) => !isEmpty(flips))
    if (slices.length === 0) return
    const parts = slices.map(({ slice, flips }) => {
      const before = this.masks.get(labelId, slice)
      return { slice, added: difference(flips, before), removed: intersection(flips, before) }
    })
    const revision = this.#newId()
    this.history.record({ kind: 'mask', labelId, parts, revision })
    this.#flip(labelId, slices)
    const open = this.suggestions.openOf(labelId) // what is drawn takes the place of what was proposed
    this.#closeSuggestions(slices.flatMap(({ slice }) => open.get(slice) ?? []), null)
    this.#onAccepted({ id: revision, labelId, slices, origin, ...provenance, reverts: null })
  }

  #flip(labelId: string, slices: readonly SliceFlips[]): void {
    batch(() => {
      for (const { slice, flips } of slices) this.#setMask(labelId, slice, xor(this.masks.get(labelId, slice), flips))
    })
  }

  #setMask(labelId: string, slice: number, mask: Mask): void {
    this.masks.set(labelId, slice, mask)
    this.#masksVersion.value++
    this.#changes.value++
  }

  #replay(change: Change, direction: Direction): void {
    if (change.kind === 'draft') {
      this.#goTo([change.slice])
      this.#setDraft(change.slice, direction === 'undo' ? change.before : change.after)
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
    if (said !== null) this.#onDecision({ labelId, suggestions: closed, as: said })
  }

  #replayMask(change: MaskChange, direction: Direction): void {
    this.#goTo(change.parts.map(({ slice }) => slice))
    const slices = change.parts.map(({ slice, added, removed }) => {
      const [add, remove] = direction === 'undo' ? [removed, added] : [added, removed]
      const current = this.masks.get(change.labelId, slice)
      return { slice, flips: xor(current, difference(union(current, add), remove)) } // what others changed since stays theirs
    }).filter(({ flips }) => !isEmpty(flips))
    if (slices.length === 0) return
    const id = this.#newId()
    this.#flip(change.labelId, slices)
    const { labelId, revision } = change
    const drawn = slices.map(({ slice }) => slice).filter((slice) => this.masks.has(labelId, slice))
    this.suggestions.close(labelId, drawn, null)
    this.#onAccepted({ id, labelId, slices, origin: 'undo', ...BY_HAND, reverts: revision })
    change.revision = id
  }

  /** A change that nobody sees is no undo: looks at one of the slices unless one is on the screen. */
  #goTo(slices: readonly number[]): void {
    const seen = this.view.axis.value === 0 && slices.includes(this.view.slice.value)
    if (seen) return
    this.view.setAxis(0)
    this.view.setSlice(slices[Math.floor(slices.length / 2)])
  }
}
