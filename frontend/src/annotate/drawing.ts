// How drawing by hand works just now: shape and manner of the brush, the editable area, and whether labels share voxels.
import type { ReadonlySignal } from '@preact/signals-core'

import { foreseen, type Foreseeable } from '../viewer/foreseen.ts'
import { editObjects, type ObjectEdit } from '../viewer/object_edits.ts'
import type { Session } from '../viewer/session.ts'
import { copyToSlice, interpolateAll } from '../viewer/slice_edits.ts'
import { BRUSH_SHAPES, type BrushShape } from '../viewer/strokes.ts'

export type { Foreseeable } from '../viewer/foreseen.ts'
export type { ObjectEdit } from '../viewer/object_edits.ts'
export { BRUSH_SHAPES, type BrushShape } from '../viewer/strokes.ts'

export class Drawing {
  readonly shape: ReadonlySignal<BrushShape>
  /** The brush paints only what looks like its middle. */
  readonly followsEdges: ReadonlySignal<boolean>
  /** Only inside of this label is anything changed. */
  readonly inside: ReadonlySignal<string | null>
  /** What is drawn for one label is taken from the others that are shown. */
  readonly exclusive: ReadonlySignal<boolean>
  /** So it is in this project, whatever anybody wishes. */
  readonly alwaysExclusive: boolean
  readonly #session: Session

  constructor(session: Session) {
    this.#session = session
    this.alwaysExclusive = session.alwaysExclusive
    this.shape = session.strokes.shape
    this.followsEdges = session.strokes.followsEdges
    this.inside = session.limits.inside
    this.exclusive = session.exclusive
  }

  setShape(shape: BrushShape): void {
    this.#session.strokes.setShape(shape)
  }

  nextShape(): void {
    this.setShape(BRUSH_SHAPES[(BRUSH_SHAPES.indexOf(this.shape.peek()) + 1) % BRUSH_SHAPES.length])
  }

  setFollowsEdges(on: boolean): void {
    this.#session.strokes.setFollowsEdges(on)
  }

  setInside(labelId: string | null): void {
    this.#session.limits.inside.value = labelId
  }

  setExclusive(on: boolean): void {
    if (!this.alwaysExclusive) this.#session.exclusive.value = on
  }

  /** Copies the active label onto the neighbouring slice and goes there. */
  copyToSlice(step: -1 | 1): void {
    copyToSlice(this.#session, step)
  }

  /** Fills all gaps between slices of the active label, as one step. */
  interpolateAll(): void {
    interpolateAll(this.#session)
  }

  /** Shows what the mask of the visible slice would be after a command; null: nothing any more. */
  foresee(what: Foreseeable | null): void {
    const mask = what && foreseen(this.#session, what)
    this.#session.foreseen.value = mask && { slice: this.#session.view.slice.peek(), mask }
  }

  /** Of the active label in the whole volume, as one step. */
  editObjects(what: ObjectEdit): void {
    editObjects(this.#session, what)
  }
}
