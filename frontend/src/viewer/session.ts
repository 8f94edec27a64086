// One volume open for annotation: labels, masks, drafts, the running stroke, and their undo. No fetch, no DOM.
// How it is looked at is `view` (view_state.ts). What a person accepts leaves through `onAccepted`, once per revision.
//
// Where the brush goes: into the open draft of the visible slice when there is one (so click, fix by brush and Enter are
// one revision), else straight into the active label, as a revision of its own at pointer-up.
import { batch, computed, signal, type ReadonlySignal } from '@preact/signals-core'

import {
  flipsOfAccepting, isAcceptable, newDraft, proposalOf, withAnswer, withoutLastPrompt, withPrompt, withStroke,
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
import type { ToolId } from './tools/tool.ts'
import { ViewState, type ViewedVolume } from './view_state.ts'
import type { WindowLevel } from './windowing.ts'

export interface LabelStyle {
  readonly id: string
  readonly name: string
  readonly color: string
  readonly value: number
  readonly shortcut: string | null
}

export interface SliceFlips { readonly slice: number; readonly flips: Mask }

/** One change that a person made final. */
export interface Accepted {
  readonly id: string
  readonly labelId: string
  readonly origin: 'sam' | 'manual' | 'interpolation' | 'undo'
  readonly slices: readonly SliceFlips[]
  readonly prompts: readonly Prompt[]
  readonly model: string | null
  /** The revision that this one takes back. */
  readonly reverts: string | null
}

interface MaskChange {
  readonly kind: 'mask'
  readonly labelId: string
  readonly parts: readonly { readonly slice: number; readonly added: Mask; readonly removed: Mask }[]
  /** The newest revision that made or unmade this change. */
  revision: string
}

interface DraftChange {
  readonly kind: 'draft'
  readonly slice: number
  readonly before: Draft | null
  readonly after: Draft | null
}

interface Stroke {
  readonly draft: Draft | null
  readonly before: Mask
  readonly work: ByteMask
  readonly brush: Brush
  last: SlicePoint
}

export interface SessionOptions {
  readonly volume: ViewedVolume
  /** Shown first. */
  readonly window: WindowLevel
  /** The caller may look and not change anything. */
  readonly readOnly?: boolean
  readonly newId: () => string
  readonly onAccepted: (accepted: Accepted) => void
}

/** The first brush in parts of the picture's short side. */
const FIRST_BRUSH_SHARE = 0.02
export const BRUSH_LEAST_MM = 0.05
export const BRUSH_MOST_MM = 150

export class Session {
  readonly view: ViewState
  readonly masks: LabelMasks
  readonly history: History<MaskChange | DraftChange>

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
  readonly drafts: ReadonlySignal<ReadonlyMap<number, Draft>>

  readonly #masksVersion = signal(0)
  readonly #changes = signal(0)
  readonly #drafts = signal<ReadonlyMap<number, Draft>>(new Map())
  readonly #readOnly: boolean
  readonly #newId: () => string
  readonly #onAccepted: (accepted: Accepted) => void
  readonly #work: ByteMask
  #stroke: Stroke | null = null
  #nextDraftId = 1

  constructor({ volume, window, readOnly = false, newId, onAccepted }: SessionOptions) {
    this.view = new ViewState(volume, window)
    this.masks = new LabelMasks(volume.shapeKji)
    this.history = new History((change, direction) => this.#replay(change, direction))
    this.masksVersion = this.#masksVersion
    this.changes = this.#changes
    this.drafts = this.#drafts
    this.#readOnly = readOnly
    this.#newId = newId
    this.#onAccepted = onAccepted
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
  /** A prompt on the visible slice. A first positive point inside an accepted object of the active label re-opens that object. */
  addPrompt(prompt: Prompt, held: boolean): void {
    const labelId = this.activeLabelId.value
    if (!this.canDraw.value || labelId === null || this.view.image.value === null) return
    const slice = this.view.slice.value
    this.history.mark()
    const draft = this.draft.value ?? this.#openDraft(slice, labelId, prompt)
    this.#changeDraft(slice, withPrompt(draft, this.#nextDraftId++, prompt, held))
  }

  removeLastPrompt(): void {
    const draft = this.draft.value
    if (draft === null) return
    this.history.mark()
    this.#changeDraft(draft.slice, withoutLastPrompt(draft, this.#nextDraftId++))
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
      const provenance = { prompts: draft.prompts, model: draft.answer?.model ?? null }
      this.#change(draft.labelId, [{ slice: draft.slice, flips }], draft.answer ? 'sam' : 'manual', provenance)
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
    const draft = this.draft.value, slice = this.view.slice.value
    this.history.mark()
    if (draft !== null) {
      const before = proposalOf(draft), after = edit(before)
      if (!sameMask(before, after)) this.#changeDraft(slice, withStroke(draft, before, after))
    } else {
      const before = this.masks.get(labelId, slice)
      this.#change(labelId, [{ slice, flips: xor(before, edit(before)) }], 'manual')
    }
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
    const draft = this.draft.value
    const before = draft ? proposalOf(draft) : this.masks.get(labelId, this.view.slice.value)
    const threshold = this.threshold.value
    const range = threshold && image.channels === 1 ? { values: image.data, low: threshold[0], high: threshold[1] } : null
    const brush = { radiusMm: this.brushRadiusMm.value, pixelMm: slicePixelMm(this.view.volume, 0), erase, range }
    batch(() => {
      this.masksVisible.value = true
      this.setLabelVisible(draft?.labelId ?? labelId, true)
      this.history.mark()
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
    batch(() => this.history.undo())
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
    { prompts, model }: { prompts: readonly Prompt[]; model: string | null } = { prompts: [], model: null },
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
    this.#onAccepted({ id: revision, labelId, slices, origin, prompts, model, reverts: null })
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

  #replay(change: MaskChange | DraftChange, direction: Direction): void {
    this.#goTo(change.kind === 'draft' ? [change.slice] : change.parts.map(({ slice }) => slice))
    if (change.kind === 'draft') {
      this.#setDraft(change.slice, direction === 'undo' ? change.before : change.after)
      return
    }
    const slices = change.parts.map(({ slice, added, removed }) => {
      const [add, remove] = direction === 'undo' ? [removed, added] : [added, removed]
      const current = this.masks.get(change.labelId, slice)
      return { slice, flips: xor(current, difference(union(current, add), remove)) } // what others changed since stays theirs
    }).filter(({ flips }) => !isEmpty(flips))
    if (slices.length === 0) return
    const id = this.#newId()
    this.#flip(change.labelId, slices)
    const { labelId, revision } = change
    this.#onAccepted({ id, labelId, slices, origin: 'undo', prompts: [], model: null, reverts: revision })
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
