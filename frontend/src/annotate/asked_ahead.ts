// What an annotator will ask for, asked as soon as the volumes of its case are known: in one turn with the server, together
// with what its page asks for meanwhile.
import { addressOf } from '../api/client.ts'
import type { Early } from '../api/early.ts'
import type { Case } from '../api/project_types.ts'
import type { Triple } from '../viewer/geometry.ts'
import { middleOf } from '../viewer/view_state.ts'
import { sliceAddress } from './slice_loader.ts'

/** Of a submitted case somebody else's masks may be shown: those are not guessed. */
export function askForVolume(early: Early, item: Case, volumeId: string | null, readerId: string | null): void {
  const volume = item.volumes.find(({ id }) => id === volumeId) ?? item.volumes[0]
  if (volume === undefined) return
  early.ask(`/api/volumes/${volume.id}`)
  early.ask(sliceAddress(volume.id, volume.pixels, 0, middleOf({ shapeKji: volume.shape_kji as unknown as Triple })[0]))
  if (readerId === null && item.state !== 'submitted') early.ask(addressOf('/api/annotations', { volume_id: volume.id }))
  early.ask('/api/me')
}
