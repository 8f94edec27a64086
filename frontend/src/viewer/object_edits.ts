// Edits of the active label as objects of the whole volume, by command. Each is one step of the history.
import { merged } from './across.ts'
import { voxelMl } from './geometry.ts'
import { difference } from './mask.ts'
import { objectsOf, type VolumeObject } from './objects.ts'
import type { Session } from './session.ts'
import type { SliceFlips } from './session_types.ts'
import { editable } from './slice_edits.ts'

export type ObjectEdit = 'largest' | 'removeSmall' | 'split'

/** Keeps the largest object, removes those smaller than a ball of the brush's size, or gives the second largest object to
 *  the next label of the list (as when two kidneys were drawn as one). One step of the history. */
export function editObjects(session: Session, what: ObjectEdit): void {
  const { view, edits } = session, labelId = editable(session)
  const parts = leavingOf(session, what)
  if (labelId === null || parts.length === 0) return
  edits.history.mark()
  edits.change(labelId, parts, 'manual')
  if (what === 'split') {
    const other = nextLabel(session, labelId)
    edits.change(other, parts.map(({ slice, flips }) => ({ slice, flips: difference(flips, edits.masks.get(other, slice)) })), 'manual')
  }
  session.worked(view.slice.value, 'stroke')
}

/** What the active label loses, a part per slice; nothing is changed. */
export function leavingOf(session: Session, what: ObjectEdit): readonly SliceFlips[] {
  const { view, edits, strokes } = session, labelId = editable(session)
  if (labelId === null || (what === 'split' && session.labels.value.length < 2)) return []
  const [largest, ...others] = objectsOf(edits.masks, labelId)
  const voxelMm3 = voxelMl(view.volume) * 1000, ballMm3 = (4 / 3) * Math.PI * strokes.radiusMm.value ** 3
  const isSmall = ({ voxels }: VolumeObject) => voxels * voxelMm3 < ballMm3
  const leaving = largest === undefined ? [] : what === 'largest' ? others : what === 'removeSmall' ? [largest, ...others].filter(isSmall) : others.slice(0, 1)
  return merged(leaving.flatMap(({ masks }) => [...masks].map(([slice, flips]) => ({ slice, flips }))))
}

/** After the last one comes the first. */
function nextLabel({ labels }: Session, labelId: string): string {
  const list = labels.value
  return list[(list.findIndex(({ id }) => id === labelId) + 1) % list.length].id
}
