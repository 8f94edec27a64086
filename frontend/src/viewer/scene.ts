// From the session to what must be drawn for the visible slice: filled layers and outlines. Keeps decoded masks and traced
// outlines until they are stale, and reuses their bytes while scrolling. No canvas.
import { parseColor, type MaskLayer } from './compose.ts'
import { traceRings, type Rings } from './contour.ts'
import { proposalOf, type Draft } from './draft.ts'
import type { Hatch } from './hatch.ts'
import { ByteMask, difference } from './mask.ts'
import type { LabelStyle, Session } from './session.ts'

export interface Outline {
  readonly rings: Rings
  readonly color: string
  /** What nobody accepted is hatched, the draft under the hand stronger; accepted masks are filled by a layer. */
  readonly kind: 'accepted' | Hatch
}

export interface DrawnMasks {
  readonly layers: readonly MaskLayer[]
  readonly outlines: readonly Outline[]
}

interface Shown {
  readonly mask: ByteMask
  content: unknown
  rings: Rings | null
}

export class Scene {
  readonly #session: Session
  readonly #shown = new Map<string, Shown>()

  constructor(session: Session) {
    this.#session = session
  }

  masks(): DrawnMasks {
    const session = this.#session
    const draft = session.draft.value
    const stroke = session.strokes.inProgress
    const layers: MaskLayer[] = []
    const outlines: Outline[] = []
    for (const label of session.labels.value) {
      if (!session.isVisible(label.id)) continue
      const suggested = this.#suggested(label, draft)
      if (suggested !== null && suggested.mask.box.x1 >= 0) outlines.push({ rings: ringsOf(suggested), color: label.color, kind: 'suggestion' })
      const painting = stroke !== null && !stroke.inDraft && label.id === session.activeLabelId.value
      const shown = painting ? fresh(stroke.work) : this.#label(label, draft)
      if (shown.mask.box.x1 < 0) continue
      layers.push({ mask: shown.mask, color: parseColor(label.color), opacity: session.opacity.value })
      outlines.push({ rings: ringsOf(shown), color: label.color, kind: 'accepted' })
    }
    if (draft !== null) {
      const shown = stroke?.inDraft ? fresh(stroke.work) : this.#proposal(draft)
      const color = session.labels.value.find((label) => label.id === draft.labelId)?.color ?? '#ffffff'
      if (shown.mask.box.x1 >= 0) outlines.push({ rings: ringsOf(shown), color, kind: 'draft' })
    }
    return { layers, outlines }
  }

  /** An object that a draft has re-opened is not shown as accepted: its proposal is shown in its place. */
  #label({ id }: LabelStyle, draft: Draft | null): Shown {
    const { view, masks } = this.#session
    const base = draft?.labelId === id ? draft.base : null
    const axis = view.axis.value, index = view.slice.value
    return this.#cached(id, [axis, index, masks.version(id), base], (mask) => {
      if (base === null) masks.loadInto(mask, id, axis, index)
      else mask.load(difference(masks.get(id, index), base))
    })
  }

  /** Suggestions are shown in all planes; a draft takes the place of its label's. */
  #suggested({ id }: LabelStyle, draft: Draft | null): Shown | null {
    const { view, suggestions } = this.#session
    if (suggestions.openOf(id).size === 0 || draft?.labelId === id) return null
    const axis = view.axis.value, index = view.slice.value
    return this.#cached(`suggestion ${id}`, [axis, index, suggestions.masks.version(id)], (mask) =>
      suggestions.masks.loadInto(mask, id, axis, index))
  }

  #proposal(draft: Draft): Shown {
    return this.#cached('proposal', [draft], (mask) => mask.load(proposalOf(draft)))
  }

  #cached(key: string, content: readonly unknown[], load: (mask: ByteMask) => void): Shown {
    const { rows, columns } = this.#session.view.shape.value
    let shown = this.#shown.get(key)
    if (shown === undefined || shown.mask.rows !== rows || shown.mask.columns !== columns) {
      shown = { mask: new ByteMask(rows, columns), content: null, rings: null }
      this.#shown.set(key, shown)
    }
    const before = shown.content as readonly unknown[] | null
    if (before === null || content.some((value, n) => value !== before[n])) {
      load(shown.mask)
      shown.content = content
      shown.rings = null
    }
    return shown
  }
}

function fresh(mask: ByteMask): Shown {
  return { mask, content: null, rings: null }
}

function ringsOf(shown: Shown): Rings {
  shown.rings ??= traceRings(shown.mask.bytes, shown.mask.columns, shown.mask.rows, shown.mask.box)
  return shown.rings
}
