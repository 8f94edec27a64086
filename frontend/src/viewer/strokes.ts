// Brush and eraser: their size, shape and manner, the stroke that is being painted, and what it becomes when the pointer
// goes up.
//
// Where the brush goes: into the open draft of the visible slice when there is one (so click, fix by brush and Enter are
// one revision), else straight into the active label, as a revision of its own at pointer-up.
import { batch, signal } from '@preact/signals-core'

import { BallTrack } from './ball.ts'
import { proposalOf, withStroke, type Draft } from './draft.ts'
import { paintAlongEdges } from './edge_brush.ts'
import { slicePixelMm, type SlicePoint } from './geometry.ts'
import { ByteMask, difference, isEmpty, sameMask, union, xor, type Box, type Mask } from './mask.ts'
import type { Session } from './session.ts'
import type { SliceFlips } from './session_types.ts'
import { paint, type Brush } from './stroke.ts'
import type { SliceImage } from './windowing.ts'

/** A ball reaches into the slices above and below; into an open proposal it paints like a circle. */
export type BrushShape = 'circle' | 'square' | 'ball'
export const BRUSH_SHAPES: readonly BrushShape[] = ['circle', 'square', 'ball']

/** A stroke that is being painted: bytes to show in place of the label's mask or the draft's proposal. */
export interface Painting {
  readonly slice: number
  readonly draft: Draft | null
  readonly work: ByteMask
  /** What each of its steps may have changed, so that only that is drawn again. */
  readonly touched: readonly Box[]
}

interface Stroke extends Painting {
  readonly touched: Box[]
  readonly before: Mask
  readonly brush: Brush
  /** The picture, where the brush follows its edges. */
  readonly edges: SliceImage | null
  readonly ball: BallTrack | null
  last: SlicePoint
}

/** The first brush in parts of the picture's short side. */
const FIRST_BRUSH_SHARE = 0.02
export const BRUSH_LEAST_MM = 0.05
export const BRUSH_MOST_MM = 150
/** A pen that barely touches still paints. */
const LEAST_PRESSURE = 0.25

export class Strokes {
  readonly radiusMm
  readonly shape = signal<BrushShape>('circle')
  /** Paints only what looks like the middle of the brush. */
  readonly followsEdges = signal(false)

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

  /** A brush that follows edges is a flat circle. */
  setShape(shape: BrushShape): void {
    batch(() => {
      this.shape.value = shape
      this.followsEdges.value = false
    })
  }

  setFollowsEdges(on: boolean): void {
    batch(() => {
      this.followsEdges.value = on
      if (on) this.shape.value = 'circle'
    })
  }

  /** False where nothing can be painted: nobody paints on what is not shown. `pressure` makes the brush larger or smaller. */
  begin(at: SlicePoint, erase: boolean, pressure = 1): boolean {
    const session = this.#session, { view, edits } = session
    const labelId = session.activeLabelId.value
    const image = view.image.value
    if (!session.canDraw.value || labelId === null || image === null) return false
    const taken = session.taken(), draft = taken ?? session.draft.value
    const slice = view.slice.value
    const before = draft ? proposalOf(draft) : edits.masks.get(labelId, slice)
    const shape = this.shape.value
    const brush: Brush = {
      radiusMm: this.radiusMm.value, pixelMm: slicePixelMm(view.volume, 0), shape: shape === 'square' ? 'square' : 'circle', erase,
      allowed: session.limits.allowed(slice, image.rows, image.columns, image)?.bytes ?? null,
    }
    const edges = this.followsEdges.value && image.channels === 1 ? image : null
    const ball = shape === 'ball' && draft === null ? new BallTrack(image.rows, image.columns) : null
    batch(() => {
      session.masksVisible.value = true
      session.setLabelVisible(draft?.labelId ?? labelId, true)
      edits.history.mark()
      if (taken) edits.changeDraft(taken.slice, taken)
      this.#stroke = { slice, draft, before, work: this.#work.load(before), touched: [], brush, edges, ball, last: at }
      this.extend(at, pressure)
    })
    return true
  }

  extend(to: SlicePoint, pressure = 1): void {
    const stroke = this.#stroke
    if (stroke === null) return
    const radiusMm = Math.min(BRUSH_MOST_MM, stroke.brush.radiusMm * Math.max(LEAST_PRESSURE, pressure))
    const brush = { ...stroke.brush, radiusMm }
    const [lowest, highest] = this.#session.view.volume.valueRange
    stroke.touched.push(stroke.edges === null ? paint(stroke.work, stroke.last, to, brush)
      : paintAlongEdges(stroke.work, stroke.last, to, brush, stroke.edges, highest - lowest))
    stroke.ball?.extend(stroke.last, to, radiusMm, brush.pixelMm)
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
      const after = stroke.work.toMask(), beside = this.#besideOf(stroke)
      if (sameMask(stroke.before, after) && beside.length === 0) return
      const { slice, draft } = stroke
      session.worked(slice, 'stroke')
      if (draft !== null) {
        // An answer may have come while the hand was painting: the stroke goes on top of the newest state.
        const newest = edits.drafts.value.get(draft.slice)
        if (newest !== undefined) edits.changeDraft(draft.slice, withStroke(newest, stroke.before, after))
      } else {
        const flips = xor(stroke.before, after)
        edits.change(session.activeLabelId.value!, [{ slice, flips }, ...beside], 'manual')
      }
    })
  }

  /** What a ball changes above and below its slice. */
  #besideOf({ slice, ball, brush: { erase } }: Stroke): readonly SliceFlips[] {
    if (ball === null) return []
    const session = this.#session, { masks } = session.edits, { shapeKji: [slices], spacingKjiMm: [stepMm] } = session.view.volume
    const reach = Math.floor(ball.mostMm / stepMm), labelId = session.activeLabelId.value!
    const found: SliceFlips[] = []
    for (let other = Math.max(0, slice - reach); other <= Math.min(slices - 1, slice + reach); other++) {
      if (other === slice) continue
      const before = masks.get(labelId, other), touched = ball.at((other - slice) * stepMm)
      const after = session.limits.kept(before, erase ? difference(before, touched) : union(before, touched), other, session.pictureOf(other))
      const flips = xor(before, after)
      if (!isEmpty(flips)) found.push({ slice: other, flips })
    }
    return found
  }

  cancel(): void {
    this.#stroke = null
    this.#session.edits.touch()
  }

  get inProgress(): Painting | null {
    return this.#stroke
  }
}
