// From the session to what must be drawn for the slice of one pane: filled layers and outlines. Keeps decoded masks and traced
// outlines until they are stale, and reuses their bytes while scrolling. No canvas.
import { copyCrossing } from './across.ts'
import { parseColor, type MaskLayer } from './compose.ts'
import { traceRings, type Rings } from './contour.ts'
import { proposalOf, type Draft } from './draft.ts'
import type { Hatch } from './hatch.ts'
import { addRow, type LabelMasks } from './label_masks.ts'
import { boxUnion, ByteMask, difference, EMPTY_BOX, type Box } from './mask.ts'
import type { Pattern } from './pattern.ts'
import type { LabelStyle, LaidOver, Session } from './session.ts'
import type { Painting } from './strokes.ts'
import type { ViewState } from './view_state.ts'

const LAID_OVER_OPACITY = 0.6

export interface Outline {
  readonly rings: Rings
  /** Encloses the voxels inside. */
  readonly box: Box
  readonly color: string
  /** What nobody accepted is hatched, the draft under the hand stronger; accepted masks are filled by a layer. */
  readonly kind: 'accepted' | Hatch
  /** The marks of the label, where they are wanted. */
  readonly pattern: Pattern
}

export interface DrawnMasks {
  readonly layers: readonly MaskLayer[]
  readonly outlines: readonly Outline[]
  /** Where they may differ from what was asked for before: all voxels if null. */
  readonly changed: Box | null
}

interface Shown {
  readonly mask: ByteMask
  content: readonly unknown[] | null
  rings: Rings | null
}

/** Collects what is drawn, in order. Equal looks mean equal pictures, but for what a stroke is changing. */
class Drawn {
  readonly layers: MaskLayer[] = []
  readonly outlines: Outline[] = []
  readonly look: unknown[] = []

  /** Masks of nothing are left out. */
  outline(shown: Shown, color: string, kind: Outline['kind'], pattern: Pattern = 'plain'): void {
    if (shown.mask.box.x1 < 0) return
    this.outlines.push({ rings: ringsOf(shown), box: shown.mask.box, color, kind, pattern })
    this.look.push(shown.content, color, kind, pattern)
  }

  fill(shown: Shown, color: string, opacity: number, pattern: Pattern = 'plain'): void {
    if (shown.mask.box.x1 < 0) return
    this.layers.push({ mask: shown.mask, color: parseColor(color), opacity })
    this.look.push(opacity)
    this.outline(shown, color, 'accepted', pattern)
  }
}

export class Scene {
  readonly #session: Session
  readonly #view: ViewState
  readonly #shown = new Map<string, Shown>()
  readonly #earlier: (() => LabelMasks | null) | null
  #look: readonly unknown[] = []
  #painting: { readonly stroke: Painting; readonly shown: Shown; steps: number } | null = null

  /** `earlier`: what a pane beside shows in place of the masks of now; null of the main one, where that can be flipped. */
  constructor(session: Session, view: ViewState, earlier: (() => LabelMasks | null) | null = null) {
    this.#session = session
    this.#view = view
    this.#earlier = earlier
  }

  masks(): DrawnMasks {
    const earlier = this.#earlier === null ? this.#session.earlier.value : this.#earlier()
    const drawn = new Drawn()
    const touched = earlier === null ? this.#now(drawn) : this.#then(drawn, earlier)
    const { layers, outlines, look } = drawn, before = this.#look
    this.#look = look
    const same = look.length === before.length && look.every((part, n) => part === before[n])
    return { layers, outlines, changed: same ? touched : null }
  }

  /** Accepted masks alone. In a pane beside also what is laid over; in place of what is now, that would hide the change. */
  #then(drawn: Drawn, earlier: LabelMasks): Box {
    const axis = this.#view.axis.value, index = this.#view.slice.value
    for (const { id, color } of this.#session.labels.value) {
      if (!this.#session.isVisible(id)) continue
      const shown = this.#cached(`then ${id}`, [axis, index, earlier, earlier.version(id)], (mask) => earlier.loadInto(mask, id, axis, index))
      drawn.fill(shown, color, this.#session.opacity.value, this.#session.patternOf(id))
    }
    if (this.#earlier !== null) this.#over(drawn)
    return EMPTY_BOX
  }

  /** The box that a stroke has touched since the last time. */
  #now(drawn: Drawn): Box {
    const session = this.#session, axis = this.#view.axis.value
    const draft = axis === 0 ? session.drafts.value.get(this.#view.slice.value) ?? null : null
    const painting = session.strokes.inProgress
    const stroke = painting?.axis === axis && painting.slice === this.#view.slice.value ? painting : null
    const painted = stroke && this.#painted(stroke)
    for (const label of session.labels.value) {
      if (!session.isVisible(label.id)) continue
      const suggested = this.#suggested(label, draft)
      if (suggested !== null) drawn.outline(suggested, label.color, 'suggestion')
      const inHand = painted !== null && stroke!.draft === null && label.id === session.activeLabelId.value
      drawn.fill(inHand ? painted.shown : this.#label(label, draft), label.color, session.opacity.value, session.patternOf(label.id))
    }
    this.#over(drawn)
    if (axis !== 0) this.#draftsAcross(axis, drawn)
    else if (draft !== null) drawn.outline(painted !== null && stroke!.draft !== null ? painted.shown : this.#proposal(draft), this.#color(draft.labelId), 'draft')
    return painted?.touched ?? EMPTY_BOX
  }

  #over(drawn: Drawn): void {
    const elsewhere = this.#earlier === null ? 'earlier' : 'now'
    for (const [n, over] of this.#session.laidOver.value.entries()) {
      if (over.on === elsewhere || !this.#session.isVisible(over.labelId)) continue
      if (over.hatch !== undefined) drawn.outline(this.#laidOver(n, over), over.color, over.hatch)
      else drawn.fill(this.#laidOver(n, over), over.color, LAID_OVER_OPACITY, over.pattern)
    }
  }

  /** What is being painted, and where since the last time. */
  #painted(stroke: Painting): { readonly shown: Shown; readonly touched: Box } {
    if (this.#painting?.stroke !== stroke) this.#painting = { stroke, shown: { mask: stroke.work, content: [stroke], rings: null }, steps: 0 }
    const painting = this.#painting, fresh = stroke.touched.slice(painting.steps)
    painting.steps += fresh.length
    if (fresh.length > 0) painting.shown.rings = null
    return { shown: painting.shown, touched: fresh.reduce(boxUnion, EMPTY_BOX) }
  }

  /** An object that a draft has re-opened is not shown as accepted: its proposal is shown in its place. */
  #label({ id }: LabelStyle, draft: Draft | null): Shown {
    const { masks } = this.#session
    const base = draft?.labelId === id ? draft.base : null
    const axis = this.#view.axis.value, index = this.#view.slice.value
    const painted = id === this.#session.activeLabelId.value ? this.#paintedAcross(false) : null
    return this.#cached(id, [axis, index, masks.version(id), base, painted?.version], (mask) => {
      if (base === null) masks.loadInto(mask, id, axis, index)
      else mask.load(difference(masks.get(id, index), base))
      if (painted !== null) copyCrossing(painted.work, painted.axis, painted.slice, mask, axis, index)
    })
  }

  /** Suggestions are shown in all planes; a draft takes the place of its label's. */
  #suggested({ id }: LabelStyle, draft: Draft | null): Shown | null {
    const { suggestions } = this.#session
    if (suggestions.openOf(id).size === 0 || draft?.labelId === id) return null
    const axis = this.#view.axis.value, index = this.#view.slice.value
    return this.#cached(`suggestion ${id}`, [axis, index, suggestions.masks.version(id)], (mask) =>
      suggestions.masks.loadInto(mask, id, axis, index))
  }

  #laidOver(n: number, over: LaidOver): Shown {
    const axis = this.#view.axis.value, index = this.#view.slice.value
    return this.#cached(`over ${n}`, [axis, index, over], (mask) => over.masks.loadInto(mask, over.labelId, axis, index))
  }

  #proposal(draft: Draft): Shown {
    return this.#cached('proposal', [draft], (mask) => mask.load(proposalOf(draft)))
  }

  /** Across the acquisition plane every open draft is a line or two. */
  #draftsAcross(axis: 1 | 2, drawn: Drawn): void {
    const drafts = this.#session.drafts.value, index = this.#view.slice.value
    for (const labelId of new Set([...drafts.values()].map((draft) => draft.labelId))) {
      const painted = this.#paintedAcross(true)
      const shown = this.#cached(`drafts ${labelId}`, [axis, index, drafts, painted?.version], (mask) => {
        mask.clear()
        for (const draft of drafts.values()) if (draft.labelId === labelId) addRow(mask, draft.slice, proposalOf(draft), axis, index)
        if (painted !== null && drafts.get(painted.slice)?.labelId === labelId) copyCrossing(painted.work, 0, painted.slice, mask, axis, index)
      })
      drawn.outline(shown, this.#color(labelId), 'draft')
    }
  }

  /** The stroke that is being painted into a draft or into a label, for the planes across it. */
  #paintedAcross(inDraft: boolean): Pick<Painting, 'axis' | 'slice' | 'work'> & { readonly version: number } | null {
    const stroke = this.#session.strokes.inProgress
    if (stroke === null || stroke.axis === this.#view.axis.value || (stroke.draft !== null) !== inDraft) return null
    return { axis: stroke.axis, slice: stroke.slice, work: stroke.work, version: this.#session.masksVersion.value }
  }

  #color(labelId: string): string {
    return this.#session.labels.value.find((label) => label.id === labelId)?.color ?? '#ffffff'
  }

  #cached(key: string, content: readonly unknown[], load: (mask: ByteMask) => void): Shown {
    const { rows, columns } = this.#view.shape.value
    let shown = this.#shown.get(key)
    if (shown === undefined || shown.mask.rows !== rows || shown.mask.columns !== columns) {
      shown = { mask: new ByteMask(rows, columns), content: null, rings: null }
      this.#shown.set(key, shown)
    }
    const before = shown.content
    if (before === null || content.some((value, n) => value !== before[n])) {
      load(shown.mask)
      shown.content = content
      shown.rings = null
    }
    return shown
  }
}

function ringsOf(shown: Shown): Rings {
  shown.rings ??= traceRings(shown.mask.bytes, shown.mask.columns, shown.mask.rows, shown.mask.box)
  return shown.rings
}
