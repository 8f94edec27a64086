// Brush and eraser: the stroke that is being painted, and what it becomes when the pointer goes up.
//
// Where the brush goes: into the open draft of the visible slice when there is one (so click, fix by brush and Enter are
// one revision), else straight into the active label, as a revision of its own at pointer-up.
import { batch, signal } from '@preact/signals-core'

import { proposalOf, withStroke, type Draft } from './draft.ts'
import { slicePixelMm, type SlicePoint } from './geometry.ts'
import { ByteMask, sameMask, xor, type Mask } from './mask.ts'
import type { Session } from './session.ts'
import { paint, type Brush } from './stroke.ts'

interface Stroke {
  readonly slice: number
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

export class Strokes {
  readonly radiusMm
  /** Only voxels whose value lies in the range are touched. */
  readonly threshold = signal<readonly [low: number, high: number] | null>(null)

  readonly #session: Session
  readonly #work: ByteMask
  #stroke: Stroke | null = null

  constructor(session: Session) {
    const { volume } = session.view
    const [, rows, columns] = volume.shapeKji
    this.#session = session
    this.#work = new ByteMask(rows, columns)
    const pixelMm = slicePixelMm(volume, 0)
    const shortSideMm = Math.min(rows * pixelMm.row, columns * pixelMm.column)
    this.radiusMm = signal(Math.max(FIRST_BRUSH_SHARE * shortSideMm, 1.5 * Math.max(pixelMm.row, pixelMm.column)))
  }

  setRadiusMm(radius: number): void {
    this.radiusMm.value = Math.min(BRUSH_MOST_MM, Math.max(BRUSH_LEAST_MM, radius))
  }

  /** False where nothing can be painted: nobody paints on what is not shown. */
  begin(at: SlicePoint, erase: boolean): boolean {
    const session = this.#session, { view, edits } = session
    const labelId = session.activeLabelId.value
    const image = view.image.value
    if (!session.canDraw.value || labelId === null || image === null) return false
    const taken = session.taken(), draft = taken ?? session.draft.value
    const slice = view.slice.value
    const before = draft ? proposalOf(draft) : edits.masks.get(labelId, slice)
    const threshold = this.threshold.value
    const range = threshold && image.channels === 1 ? { values: image.data, low: threshold[0], high: threshold[1] } : null
    const brush = { radiusMm: this.radiusMm.value, pixelMm: slicePixelMm(view.volume, 0), erase, range }
    batch(() => {
      session.masksVisible.value = true
      session.setLabelVisible(draft?.labelId ?? labelId, true)
      edits.history.mark()
      if (taken) edits.changeDraft(taken.slice, taken)
      this.#stroke = { slice, draft, before, work: this.#work.load(before), brush, last: at }
      this.extend(at)
    })
    return true
  }

  extend(to: SlicePoint): void {
    const stroke = this.#stroke
    if (stroke === null) return
    paint(stroke.work, stroke.last, to, stroke.brush)
    stroke.last = to
    this.#session.edits.touch()
  }

  end(): void {
    const stroke = this.#stroke
    if (stroke === null) return
    const session = this.#session, { edits } = session
    batch(() => {
      this.#stroke = null
      edits.touch()
      const after = stroke.work.toMask()
      if (sameMask(stroke.before, after)) return
      const { slice, draft } = stroke
      session.worked(slice, 'stroke')
      if (draft !== null) {
        // An answer may have come while the hand was painting: the stroke goes on top of the newest state.
        const newest = edits.drafts.value.get(draft.slice)
        if (newest !== undefined) edits.changeDraft(draft.slice, withStroke(newest, stroke.before, after))
      } else {
        const flips = xor(stroke.before, after)
        edits.change(session.activeLabelId.value!, [{ slice, flips }], 'manual')
      }
    })
  }

  cancel(): void {
    this.#stroke = null
    this.#session.edits.touch()
  }

  /** What is being painted: bytes to show in place of the label's mask or the draft's proposal. */
  get inProgress(): { readonly slice: number; readonly work: ByteMask; readonly inDraft: boolean } | null {
    return this.#stroke && { slice: this.#stroke.slice, work: this.#stroke.work, inDraft: this.#stroke.draft !== null }
  }
}
