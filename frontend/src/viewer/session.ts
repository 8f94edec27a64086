// One volume open for annotation: labels, tools, and the drafts and suggestions of the visible slice. No fetch, no DOM.
// How it is looked at is `view` (view_state.ts), what changes masks and its undo is `edits`, the brush is `strokes`.
// What a person accepts leaves through `onAccepted`, once per revision.
import { batch, computed, signal, type ReadonlySignal } from '@preact/signals-core'

import {
  bounds, draftOf, flipsOfAccepting, isAcceptable, newDraft, withAnswer, withPlain, withPrompt, withPrompts,
  type Answer, type Draft, type Prompt,
} from './draft.ts'
import { Edits } from './edits.ts'
import type { SlicePoint } from './geometry.ts'
import type { History } from './history.ts'
import type { LabelMasks } from './label_masks.ts'
import { objectAt, type Mask } from './mask.ts'
import type { Measured, Measuring } from './measuring.ts'
import { Limits } from './limits.ts'
import { patternAt, type Pattern } from './pattern.ts'
import type { Change, Decision, Grabbed, LabelStyle, LaidOver, OutlineInHand, SessionOptions, Work } from './session_types.ts'
import { pointsOf } from './prompt_shapes.ts'
import { Strokes } from './strokes.ts'
import type { Decline, Suggestion, Suggestions } from './suggestions.ts'
import type { ToolId } from './tools/tool.ts'
import { ViewState } from './view_state.ts'
import type { SliceImage } from './windowing.ts'

export type * from './session_types.ts'

export class Session {
  readonly view: ViewState
  readonly edits: Edits
  readonly strokes: Strokes
  readonly limits: Limits
  // Parts of `edits`, to be read.
  readonly masks: LabelMasks
  readonly suggestions: Suggestions
  readonly history: History<Change>
  readonly masksVersion: ReadonlySignal<number>
  readonly changes: ReadonlySignal<number>
  readonly drafts: ReadonlySignal<ReadonlyMap<number, Draft>>

  readonly tool = signal<ToolId>('window')
  readonly labels = signal<readonly LabelStyle[]>([])
  readonly activeLabelId = signal<string | null>(null)
  readonly hiddenLabels = signal<ReadonlySet<string>>(new Set())
  readonly masksVisible = signal(true)
  readonly opacity = signal(0.4)
  /** Labels are told apart by patterns, too. */
  readonly patterns = signal(false)
  /** Masks that are laid over the picture and belong to no label here: where others differ. */
  readonly laidOver = signal<readonly LaidOver[]>([])
  /** The masks of another time, to compare with; they are shown in a pane beside, or `flipped` in place of what is now. */
  readonly before = signal<LabelMasks | null>(null)
  readonly flipped = signal(false)
  /** A disc around the pointer shows the picture larger. */
  readonly magnifier = signal(false)
  /** The box that is being drawn. */
  readonly rubberBand = signal<{ readonly from: SlicePoint; readonly to: SlicePoint } | null>(null)
  /** The outline that is being drawn, on this slice. */
  readonly outline = signal<OutlineInHand | null>(null)
  /** The region that level tracing shows before it is taken. */
  readonly traced = signal<{ readonly slice: number; readonly mask: Mask } | null>(null)
  /** What the mask of the slice would be after the command that is being chosen. */
  readonly foreseen = signal<{ readonly slice: number; readonly mask: Mask } | null>(null)
  /** What a click under the pointer would give. */
  readonly preview = signal<{ readonly slice: number; readonly mask: Mask } | null>(null)
  /** What is drawn for one label is taken from the others that are shown. */
  readonly exclusive = signal(false)
  /** The project's label set is exclusive: hidden labels yield too, and nobody switches it off. */
  readonly alwaysExclusive: boolean
  /** The masks are as they are stored: before that nobody draws on them. */
  readonly masksReady = signal(true)
  /** What is kept, of all planes. */
  readonly measurements = signal<readonly Measured[]>([])
  /** The prompt that is being dragged. */
  readonly grabbed = signal<Grabbed | null>(null)

  /** Something was measured: for those who keep it. */
  readonly measured: (measuring: Measuring) => void
  /** Somebody worked on a slice: for those who count. */
  readonly worked: (slice: number, work: Work) => void
  /** The picture of a slice of the acquisition plane, if it is at hand. */
  readonly pictureOf: (slice: number) => SliceImage | null
  readonly #readOnly: boolean
  readonly #onDecision: (decision: Decision) => void
  #nextDraftId = 1

  constructor({ volume, window, readOnly = false, exclusive = false, newId, onAccepted, onDecision = () => {}, onWork = () => {}, pictureOf = () => null, onMeasured = () => {} }: SessionOptions) {
    this.view = new ViewState(volume, window)
    this.alwaysExclusive = exclusive
    this.exclusive.value = exclusive
    this.edits = new Edits({ view: this.view, newId, onAccepted, onDecision, yielding: (labelId) => this.#yielding(labelId) })
    this.limits = new Limits(this.edits.masks)
    this.strokes = new Strokes(this)
    this.masks = this.edits.masks
    this.suggestions = this.edits.suggestions
    this.history = this.edits.history
    this.masksVersion = this.edits.masksVersion
    this.changes = this.edits.changes
    this.drafts = this.edits.drafts
    this.worked = onWork
    this.measured = onMeasured
    this.pictureOf = (slice) => (this.view.axis.value === 0 && slice === this.view.slice.value ? this.view.image.value : pictureOf(slice))
    this.#readOnly = readOnly
    this.#onDecision = onDecision
  }

  /** What is shown in place of the masks of now. */
  readonly earlier = computed(() => (this.flipped.value ? this.before.value : null))
  /** Brush and eraser work in all planes, on a label that is seen as it is now, for those who may annotate. */
  readonly canPaint = computed(() =>
    !this.#readOnly && this.masksReady.value && this.activeLabelId.value !== null && this.earlier.value === null)
  /** Everything else that draws or asks needs the acquisition plane. */
  readonly canDraw = computed(() => this.canPaint.value && this.view.axis.value === 0)
  /** The draft of the visible slice. */
  readonly draft = computed<Draft | null>(() =>
    this.view.axis.value === 0 ? this.drafts.value.get(this.view.slice.value) ?? null : null)
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
      this.edits.changeDraft(draft.slice, { ...draft, labelId: id })
    })
  }

  setLabelVisible(id: string, visible: boolean): void {
    const hidden = new Set(this.hiddenLabels.value)
    if (visible) hidden.delete(id)
    else hidden.add(id)
    this.hiddenLabels.value = hidden
  }

  /** The label's marks, if such are wanted. */
  patternOf(labelId: string): Pattern {
    const place = this.patterns.value ? this.labels.value.findIndex(({ id }) => id === labelId) : -1
    return place < 0 ? 'plain' : patternAt(place)
  }

  isVisible(labelId: string): boolean {
    return this.masksVisible.value && !this.hiddenLabels.value.has(labelId)
  }

  // -- drafts --
  /** A prompt on the visible slice. It adds to a suggestion's; without one, a first positive point inside an accepted
   *  object of the active label re-opens that object. */
  addPrompt(prompt: Prompt, held: boolean): void {
    const draft = this.draftWith(prompt, held)
    if (draft === null) return
    this.history.mark()
    this.edits.changeDraft(draft.slice, draft)
    this.worked(draft.slice, workOf(prompt))
  }

  /** What the draft of the visible slice would be with one more prompt; nothing is opened or changed. */
  draftWith(prompt: Prompt, held = false): Draft | null {
    const labelId = this.activeLabelId.value
    if (!this.canDraw.value || labelId === null || this.view.image.value === null) return null
    const draft = this.draft.value ?? this.taken() ?? this.#openDraft(this.view.slice.value, labelId, prompt)
    return withPrompt(draft, this.#nextDraftId++, prompt, held)
  }

  /** What it would be if the prompt in the hand were let go; null while none was moved. */
  draftInHand(): Draft | null {
    const grabbed = this.grabbed.value
    if (grabbed === null || grabbed.prompt === grabbed.grip.prompt) return null
    const draft = this.draft.value ?? this.taken(), { index, prompt: before } = grabbed.grip
    return draft?.prompts[index] === before ? withPrompts(draft, this.#nextDraftId++, draft.prompts.with(index, grabbed.prompt)) : null
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
    this.#replacePrompts((prompts) => prompts.with(index, prompt), workOf(prompt))
  }

  /** Asks the open question again, of the plain model or of what was learned. */
  setPlain(plain: boolean): void {
    const draft = this.draft.value
    if (draft === null || draft.plain === plain || draft.prompts.length === 0) return
    this.edits.setDraft(draft.slice, withPlain(draft, this.#nextDraftId++, plain))
  }

  /** Ends collecting: the assistant asks with all prompts. */
  askNow(): void {
    const draft = this.draft.value
    if (draft?.held) this.edits.setDraft(draft.slice, { ...draft, held: false })
  }

  /** The model's answer to the draft with this id; false when nobody waits for it any more. */
  answer(draftId: number, answer: Answer): boolean {
    for (const draft of this.drafts.value.values()) {
      if (draft.id !== draftId) continue
      this.worked(draft.slice, answer)
      this.edits.setDraft(draft.slice, withAnswer(draft, answer))
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
      this.edits.changeDraft(draft.slice, null)
      const flips = flipsOfAccepting(draft, this.masks.get(draft.labelId, draft.slice))
      const { answer, prompts, suggested } = draft
      const provenance = { prompts, model: answer?.model ?? null, learnedPrompt: answer?.learnedPrompt ?? null, suggestionId: suggested?.id ?? null }
      const origin = answer === null ? 'manual' : answer.learnedPrompt === null ? 'sam' : 'assist'
      this.edits.change(draft.labelId, [{ slice: draft.slice, flips }], origin, provenance)
      this.history.mark()
    })
    return true
  }

  reject(): boolean {
    const draft = this.draft.value
    if (draft === null) return false
    this.history.mark()
    this.edits.changeDraft(draft.slice, null)
    return true
  }

  // -- suggestions --
  /** Turns the suggestion of the visible slice down. */
  decline(as: Decline): boolean {
    const suggestion = this.suggestion.value
    return suggestion !== null && this.#decline([suggestion], as)
  }

  /** Says that the label ends before the visible slice: neither it nor any slice beyond, seen from what is drawn, shows
   *  the label. Between slices that are drawn there is no beyond. */
  declineBeyond(): boolean {
    const here = this.suggestion.value
    if (here === null) return false
    const drawn = this.masks.slices(here.labelId)
    const before = drawn.some((slice) => slice < here.slice), after = drawn.some((slice) => slice > here.slice)
    if (before === after) return this.decline('absent')
    const open = [...this.suggestions.openOf(here.labelId).values()]
    return this.#decline(open.filter(({ slice }) => (before ? slice >= here.slice : slice <= here.slice)), 'absent')
  }

  setOpacity(opacity: number): void {
    this.opacity.value = Math.min(1, Math.max(0, opacity))
  }

  // -- history --
  undo(): void {
    batch(() => {
      this.history.undo()
      this.worked(this.view.slice.value, 'undo')
    })
  }

  redo(): void {
    batch(() => this.history.redo())
  }

  #decline(suggestions: readonly Suggestion[], as: Decline): boolean {
    if (this.#readOnly) return false
    batch(() => {
      this.history.mark()
      this.edits.closeSuggestions(suggestions, as)
      this.history.mark()
      this.#onDecision({ labelId: suggestions[0].labelId, suggestions, as })
    })
    return true
  }

  /** Labels that lose what is drawn for this one. */
  #yielding(labelId: string): readonly string[] {
    if (!this.exclusive.value) return []
    return this.labels.value.map(({ id }) => id).filter((id) => id !== labelId && (this.alwaysExclusive || this.isVisible(id)))
  }

  #openDraft(slice: number, labelId: string, first: Prompt): Draft {
    const current = this.masks.get(labelId, slice)
    const at = first.kind === 'point' ? first : first.kind === 'scribble' ? pointsOf(first)[0] : null
    const base = at !== null && this.isVisible(labelId) ? objectAt(current, at.x, at.y) : null
    return newDraft(this.#nextDraftId++, slice, labelId, current, base)
  }

  /** The suggestion of the visible slice as a draft that is not open yet. */
  taken(): Draft | null {
    const suggestion = this.canDraw.value ? this.suggestion.value : null
    return suggestion && draftOf(suggestion, this.#nextDraftId++)
  }

  #replacePrompts(edit: (prompts: readonly Prompt[]) => readonly Prompt[], work: Work): void {
    const draft = this.draft.value ?? this.taken()
    if (draft === null || draft.prompts.length === 0) return
    this.history.mark()
    this.edits.changeDraft(draft.slice, withPrompts(draft, this.#nextDraftId++, edit(draft.prompts)))
    this.worked(draft.slice, work)
  }
}

function workOf(prompt: Prompt): Work {
  return bounds(prompt) ? 'box' : prompt.kind === 'scribble' ? 'stroke' : 'click'
}
