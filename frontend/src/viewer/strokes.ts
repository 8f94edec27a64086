// Brush and eraser: their size, shape and manner, the stroke that is being painted, and what it becomes when the pointer
// goes up.
//
// Where the brush goes: into the open draft of the slice when there is one (so click, fix by brush and Enter are one
// revision), else straight into the active label, as a revision of its own at pointer-up. In the planes across the
// acquisition plane it always goes into the label, on all slices that it crosses.
import { batch, signal } from '@preact/signals-core'

import { acquisitionSlices, merged, type PlaneMask } from './across.ts'
import { BallTrack } from './ball.ts'
import { proposalOf, withStroke, type Draft } from './draft.ts'
import { paintAlongEdges } from './edge_brush.ts'
import { slicePixelMm, type Axis, type SlicePoint } from './geometry.ts'
import { ByteMask, difference, isEmpty, sameMask, union, xor, type Box, type Mask } from './mask.ts'
import type { Session } from './session.ts'
import type { SliceFlips } from './session_types.ts'
import { paint, type Brush } from './stroke.ts'
import type { ViewState } from './view_state.ts'
import type { SliceImage } from './windowing.ts'

/** A ball reaches into the slices above and below; into an open proposal it paints like a circle. */
export type BrushShape = 'circle' | 'square' | 'ball'
export const BRUSH_SHAPES: readonly BrushShape[] = ['circle', 'square', 'ball']

/** A stroke that is being painted: bytes to show in place of the label's mask or the draft's proposal. */
export interface Painting {
  readonly axis: Axis
  /** Along the axis. */
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
  readonly #works = new Map<Axis, ByteMask>()
  #stroke: Stroke | null = null

  constructor(session: Session) {
    const { volume } = session.view
    const [, rows, columns] = volume.shapeKji
    this.#session = session
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
  begin(at: SlicePoint, erase: boolean, pressure = 1, view: ViewState = this.#session.view): boolean {
    const session = this.#session, { edits } = session
    const labelId = session.activeLabelId.value
    const image = view.image.value, axis = view.axis.value, slice = view.slice.value
    if (!session.canPaint.value || labelId === null || image === null) return false
    const taken = view === session.view ? session.taken() : null
    const draft = taken ?? (axis === 0 ? edits.drafts.value.get(slice) ?? null : null)
    const work = this.#workOf(axis, image)
    if (draft === null) edits.masks.loadInto(work, labelId, axis, slice)
    else work.load(proposalOf(draft))
    const shape = this.shape.value
    const brush: Brush = {
      radiusMm: this.radiusMm.value, pixelMm: slicePixelMm(view.volume, axis), shape: shape === 'square' ? 'square' : 'circle', erase,
      allowed: session.limits.allowed(axis, slice, image.rows, image.columns, image)?.bytes ?? null,
    }
    const edges = this.followsEdges.value && image.channels === 1 ? image : null
    const ball = shape === 'ball' && draft === null ? new BallTrack(image.rows, image.columns) : null
    batch(() => {
      session.masksVisible.value = true
      session.setLabelVisible(draft?.labelId ?? labelId, true)
      edits.history.mark()
      if (taken) edits.changeDraft(taken.slice, taken)
      this.#stroke = { axis, slice, draft, before: work.toMask(), work, touched: [], brush, edges, ball, last: at }
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
      session.worked(stroke.axis === 0 ? slice : session.view.position.value[0], 'stroke')
      if (draft !== null) {
        // An answer may have come while the hand was painting: the stroke goes on top of the newest state.
        const newest = edits.drafts.value.get(draft.slice)
        if (newest !== undefined) edits.changeDraft(draft.slice, withStroke(newest, stroke.before, after))
      } else {
        const here = this.#inSlices(stroke.axis, [{ index: slice, mask: xor(stroke.before, after) }])
        edits.change(session.activeLabelId.value!, merged([...here, ...beside]), stroke.axis === 0 ? 'manual' : 'across')
      }
    })
  }

  /** What a ball changes above and below its slice. */
  #besideOf({ axis, slice, ball, brush: { erase } }: Stroke): readonly SliceFlips[] {
    if (ball === null) return []
    const session = this.#session, { masks } = session.edits, { shapeKji, spacingKjiMm } = session.view.volume
    const stepMm = spacingKjiMm[axis], reach = Math.floor(ball.mostMm / stepMm), labelId = session.activeLabelId.value!
    const planes: PlaneMask[] = []
    for (let other = Math.max(0, slice - reach); other <= Math.min(shapeKji[axis] - 1, slice + reach); other++) {
      if (other !== slice) planes.push({ index: other, mask: ball.at((other - slice) * stepMm) })
    }
    return this.#inSlices(axis, planes).map(({ slice: k, flips: touched }) => {
      const before = masks.get(labelId, k)
      const after = session.limits.kept(before, erase ? difference(before, touched) : union(before, touched), k, session.pictureOf(k))
      return { slice: k, flips: xor(before, after) }
    }).filter(({ flips }) => !isEmpty(flips))
  }

  /** Slices along any axis as slices of the acquisition plane. */
  #inSlices(axis: Axis, planes: readonly PlaneMask[]): readonly SliceFlips[] {
    if (axis === 0) return planes.map(({ index, mask }) => ({ slice: index, flips: mask }))
    return acquisitionSlices(axis, planes, this.#session.view.volume.shapeKji)
  }

  #workOf(axis: Axis, { rows, columns }: SliceImage): ByteMask {
    const work = this.#works.get(axis) ?? new ByteMask(rows, columns)
    this.#works.set(axis, work)
    return work
  }

  cancel(): void {
    this.#stroke = null
    this.#session.edits.touch()
  }

  get inProgress(): Painting | null {
    return this.#stroke
  }
}
