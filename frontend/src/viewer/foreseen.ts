// What the mask of the visible slice would be after a command, to be looked at before it is done. Nothing is changed.
import { difference, union, type Mask } from './mask.ts'
import { leavingOf, type ObjectEdit } from './object_edits.ts'
import type { Session } from './session.ts'
import { editable, gap, resultOf, shapesBetween, type MaskEdit } from './slice_edits.ts'

export type Foreseeable = MaskEdit | `${ObjectEdit}Objects` | 'copyPrevious' | 'copyNext' | 'interpolate'

/** Null where the command could not be done. */
export function foreseen(session: Session, what: Foreseeable): Mask | null {
  const { view, masks } = session, labelId = editable(session), slice = view.slice.value
  if (labelId === null) return null
  const here = masks.get(labelId, slice)
  switch (what) {
    case 'copyPrevious': return union(here, masks.get(labelId, slice - 1))
    case 'copyNext': return union(here, masks.get(labelId, slice + 1))
    case 'interpolate': {
      const ends = gap(session)
      return ends && shapesBetween(session, labelId, ends)(slice)
    }
    case 'largestObjects': case 'removeSmallObjects': case 'splitObjects': {
      const leaving = leavingOf(session, what.replace('Objects', '') as ObjectEdit).find((part) => part.slice === slice)
      return leaving ? difference(here, leaving.flips) : here
    }
    default: return resultOf(session, what)
  }
}
