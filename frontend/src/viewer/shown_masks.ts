// The masks of a session as its own pictures show them, slice by slice, for pictures of other grids: what was accepted, what
// is proposed, what is under the hand. A draft takes the place of a suggestion and of the object that it re-opened.
import { proposalOf } from './draft.ts'
import type { SliceMasks } from './resampled.ts'
import type { Session } from './session.ts'
import { difference } from './mask.ts'

export interface ShownMasks { readonly accepted: SliceMasks; readonly suggested: SliceMasks; readonly drafted: SliceMasks }

export function shownMasks({ masks, drafts, suggestions }: Session): ShownMasks {
  const draftOf = (labelId: string, slice: number) => {
    const draft = drafts.peek().get(slice)
    return draft?.labelId === labelId ? draft : null
  }
  return {
    accepted: {
      slices: (labelId) => masks.slices(labelId),
      get: (labelId, slice) => {
        const base = draftOf(labelId, slice)?.base ?? null
        return base === null ? masks.get(labelId, slice) : difference(masks.get(labelId, slice), base)
      },
    },
    suggested: {
      slices: (labelId) => suggestions.masks.slices(labelId).filter((slice) => draftOf(labelId, slice) === null),
      get: (labelId, slice) => suggestions.masks.get(labelId, slice),
    },
    drafted: {
      slices: (labelId) => [...drafts.peek().values()].filter((draft) => draft.labelId === labelId).map(({ slice }) => slice),
      get: (_, slice) => proposalOf(drafts.peek().get(slice)!),
    },
  }
}
