// Edits of the active label by command: of the visible slice as a whole, by an outline, or of the gap that it lies in.
// Each is one step of the history and, outside of a draft, one revision.
import { proposalOf, withStroke, type Draft } from './draft.ts'
import { slicePixelMm, type SlicePoint } from './geometry.ts'
import { ByteMask, difference, emptyMask, intersection, sameMask, union, xor, type Mask } from './mask.ts'
import { between } from './interpolation.ts'
import { contracted, expanded, filled, largestObject, smoothed, withoutSmall } from './morphology.ts'
import { polygonMask } from './polygon.ts'
import type { Session } from './session.ts'

/** The label to edit, or null where nothing may be drawn. */
export function editable({ canDraw, activeLabelId }: Session): string | null {
  return canDraw.value ? activeLabelId.value : null
}

export function clearSlice(session: Session): void {
  const { view, edits } = session, labelId = editable(session)
  if (labelId === null) return
  const slice = view.slice.value
  edits.history.mark()
  edits.change(labelId, [{ slice, flips: edits.masks.get(labelId, slice) }], 'manual')
}

/** Adds what the label holds on the neighbouring slice. */
export function copyFromSlice(session: Session, step: -1 | 1): void {
  const { view, edits } = session, labelId = editable(session)
  if (labelId === null) return
  const slice = view.slice.value
  const current = edits.masks.get(labelId, slice)
  edits.history.mark()
  edits.change(labelId, [{ slice, flips: difference(edits.masks.get(labelId, slice + step), current) }], 'manual')
}

/** Adds what the label holds here to the neighbouring slice, and goes there. */
export function copyToSlice(session: Session, step: -1 | 1): void {
  const { view, edits } = session, labelId = editable(session)
  const from = view.slice.value, to = from + step
  if (labelId === null || to < 0 || to >= view.sliceCount.value) return
  edits.history.mark()
  edits.change(labelId, [{ slice: to, flips: difference(edits.masks.get(labelId, from), edits.masks.get(labelId, to)) }], 'manual')
  view.setSlice(to)
}

/** Turns the open proposal, else the active label on the visible slice, into what `edit` makes of it; where limits are set,
 *  voxels outside of them stay as they are unless `everywhere`. */
export function editMask(session: Session, change: (mask: Mask) => Mask, everywhere = false): void {
  const planned = edited(session, change, everywhere)
  if (planned === null) return
  const { labelId, slice, draft, before, after } = planned, { edits } = session
  edits.history.mark()
  if (draft === null) edits.change(labelId, [{ slice, flips: xor(before, after) }], 'manual')
  else if (!sameMask(before, after)) edits.changeDraft(slice, withStroke(draft, before, after))
  session.worked(slice, 'stroke')
}

interface Edited { readonly labelId: string; readonly slice: number; readonly draft: Draft | null; readonly before: Mask; readonly after: Mask }

/** What an edit would make, and of what; nothing is changed. Null where nothing can be edited. */
function edited(session: Session, change: (mask: Mask) => Mask, everywhere: boolean): Edited | null {
  const { view, edits, limits } = session, labelId = editable(session), image = view.image.value
  if (labelId === null || image === null) return null
  const draft = session.draft.value ?? session.taken(), slice = view.slice.value
  const before = draft === null ? edits.masks.get(labelId, slice) : proposalOf(draft)
  return { labelId, slice, draft, before, after: everywhere ? change(before) : limits.kept(before, change(before), slice, image) }
}

/** Edits by command, of the proposal or the active label on the visible slice. */
export type MaskEdit = 'fill' | 'largest' | 'smooth' | 'grow' | 'shrink' | 'removeSmall' | 'addOthers' | 'subtractOthers' | 'keepOthers' | 'invert' | 'keepRange'

/** Grow and shrink go by one voxel (the longer side of it); what is smaller than the brush is small; the range is the
 *  one that drawing is limited to, else the window's. */
export function editBy(session: Session, what: MaskEdit): void {
  editMask(session, editOf(session, what), isEverywhere(what))
}

/** The mask of the visible slice after such an edit; null where there is none. */
export function resultOf(session: Session, what: MaskEdit): Mask | null {
  return edited(session, editOf(session, what), isEverywhere(what))?.after ?? null
}

const isEverywhere = (what: MaskEdit) => what === 'keepRange'

function editOf(session: Session, what: MaskEdit): (mask: Mask) => Mask {
  const { view, strokes } = session
  const pixelMm = slicePixelMm(view.volume, 0), voxelMm = Math.max(pixelMm.row, pixelMm.column)
  const edits: Readonly<Record<MaskEdit, (mask: Mask) => Mask>> = {
    fill: filled, largest: largestObject, smooth: smoothed,
    grow: (mask) => expanded(mask, voxelMm, pixelMm),
    shrink: (mask) => contracted(mask, voxelMm, pixelMm),
    removeSmall: (mask) => withoutSmall(mask, (Math.PI * strokes.radiusMm.value ** 2) / (pixelMm.row * pixelMm.column)),
    addOthers: (mask) => union(mask, others(session)),
    subtractOthers: (mask) => difference(mask, others(session)),
    keepOthers: (mask) => intersection(mask, others(session)),
    invert: (mask) => difference(whole(mask), mask),
    keepRange: (mask) => intersection(mask, inRange(session)),
  }
  return edits[what]
}

function whole({ rows, columns }: Mask): Mask {
  return { rows, columns, toggles: Uint32Array.of(0) }
}

/** What the other labels that are shown hold on the visible slice. */
function others(session: Session): Mask {
  const { labels, masks, view, activeLabelId } = session
  const { rows, columns } = view.shape.value
  return labels.value.filter(({ id }) => id !== activeLabelId.value && session.isVisible(id))
    .reduce((sum, { id }) => union(sum, masks.get(id, view.slice.value)), emptyMask(rows, columns))
}

/** The voxels of the visible slice whose value lies in the range; all of a colour picture. */
function inRange({ view, limits }: Session): Mask {
  const { rows, columns, channels, data } = view.image.value!
  const { width, center } = view.window.value
  const [low, high] = limits.range.value ?? [center - width / 2, center + width / 2]
  const bytes = new ByteMask(rows, columns)
  bytes.box = { x0: 0, y0: 0, x1: columns - 1, y1: rows - 1 }
  for (let n = 0; n < bytes.bytes.length; n++) bytes.bytes[n] = channels !== 1 || (data[n] >= low && data[n] <= high) ? 1 : 0
  return bytes.toMask()
}

/** Adds what a closed outline encloses, or takes it away. */
export function fillOutline(session: Session, points: readonly SlicePoint[], away: boolean): void {
  const { rows, columns } = session.view.shape.value
  if (points.length < 3) return
  addRegion(session, polygonMask(rows, columns, points), away)
}

/** Adds a region of the visible slice, or takes it away. */
export function addRegion(session: Session, region: Mask, away: boolean): void {
  editMask(session, (mask) => (away ? difference(mask, region) : union(mask, region)))
}

/** Takes what a closed outline encloses from the active label on all of its slices, or keeps only that: one revision. */
export function cutThrough(session: Session, points: readonly SlicePoint[], keep: boolean): void {
  const { view, edits } = session, labelId = editable(session)
  if (labelId === null || points.length < 3) return
  const { rows, columns } = view.shape.value
  const region = polygonMask(rows, columns, points)
  edits.history.mark()
  edits.change(labelId, edits.masks.slices(labelId).map((slice) => {
    const mask = edits.masks.get(labelId, slice)
    return { slice, flips: keep ? difference(mask, region) : intersection(mask, region) }
  }), 'manual')
  session.worked(view.slice.value, 'stroke')
}

/** The slices of the active label below and above the visible one, when that one lies in a gap between them. */
export function gap(session: Session): readonly [below: number, above: number] | null {
  const { view, edits } = session, labelId = editable(session)
  const slice = view.slice.value
  if (labelId === null || edits.masks.has(labelId, slice)) return null
  const slices = edits.masks.slices(labelId)
  const below = Math.max(...slices.filter((k) => k < slice)), above = Math.min(...slices.filter((k) => k > slice))
  return Number.isFinite(below) && Number.isFinite(above) ? [below, above] : null
}

/** Fills the gap around the visible slice with shapes between the two that bound it, as one revision. */
export function interpolate(session: Session): void {
  const ends = gap(session)
  if (ends === null) return
  const [below, above] = ends, labelId = session.activeLabelId.value!
  session.edits.history.mark()
  const shapeOf = shapesBetween(session, labelId, ends)
  session.edits.change(labelId, range(below + 1, above).map((slice) => ({ slice, flips: shapeOf(slice) })), 'interpolation')
}

/** Fills all gaps between slices of the active label, as one revision. Slices of which somebody said that the label is not
 *  there stay empty. */
export function interpolateAll(session: Session): void {
  const { edits } = session, labelId = editable(session)
  if (labelId === null) return
  const absent = session.suggestions.declinedOf(labelId)
  const drawn = edits.masks.slices(labelId).toSorted((a, b) => a - b)
  const parts = drawn.slice(1).flatMap((above, n) => {
    const open = range(drawn[n] + 1, above).filter((slice) => absent.get(slice) !== 'absent')
    if (open.length === 0) return []
    const shapeOf = shapesBetween(session, labelId, [drawn[n], above])
    return open.map((slice) => ({ slice, flips: shapeOf(slice) }))
  })
  edits.history.mark()
  edits.change(labelId, parts, 'interpolation')
}

/** The shape of the label on each slice of a gap, from the slices that bound it. */
export function shapesBetween({ view, edits }: Session, labelId: string, [below, above]: readonly [number, number]): (slice: number) => Mask {
  const shape = between(edits.masks.get(labelId, below), edits.masks.get(labelId, above), slicePixelMm(view.volume, 0))
  return (slice) => shape((slice - below) / (above - below))
}

const range = (from: number, to: number) => Array.from({ length: Math.max(0, to - from) }, (_, n) => from + n)
