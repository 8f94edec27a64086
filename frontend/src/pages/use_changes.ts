// What has changed on a case since its rounds ended, as the server tells it; read again when something was saved.

import { useEffect } from 'preact/hooks'
import type { Annotator } from '../annotate/annotator.ts'
import type { PastRound } from '../annotate/rounds.ts'
import type { Client } from '../api/client.ts'
import type { Case, ChangedMask, Changes } from '../api/project_types.ts'
import { useLoaded, type Loaded } from './use_loaded.ts'

export type ChangesByRound = Readonly<Record<PastRound, Changes>>

const NEVER: Changes = { at: null, items: [] }

export function useChanges(api: Client, annotator: Annotator, item: Case): Loaded<ChangesByRound> {
  const begun = item.state !== 'new' && item.state !== 'assigned'
  const changes = useLoaded<ChangesByRound>(async (signal) => {
    if (!begun) return { data: { previous: NEVER, submitted: NEVER } }
    const of = (since: PastRound) => api.get<Changes>(`/api/cases/${item.id}/changes`, { signal, query: { since } })
    const [previous, submitted] = await Promise.all([of('previous'), of('submitted')])
    if (previous.error) return previous
    return submitted.error ? submitted : { data: { previous: previous.data, submitted: submitted.data } }
  }, [item.id, item.state])
  const saved = annotator.saving.value.kind === 'saved'
  useEffect(() => { if (saved && begun) void changes.reload() }, [saved])
  return changes
}

/** Which round's end one compares with first: who annotates, with what they submitted; who reviews, with what was sent back. */
export function usualRound(changes: ChangesByRound, reviews: boolean): PastRound | null {
  if (reviews && changes.previous.at !== null) return 'previous'
  if (changes.submitted.at !== null) return 'submitted'
  return changes.previous.at !== null ? 'previous' : null
}

/** Of one person's masks. */
export function changesOf(changes: Changes, personId: string): readonly ChangedMask[] {
  return changes.items.filter(({ annotator }) => annotator.id === personId)
}

/** Slices of somebody's masks that others changed. */
export function correctedSlices(changes: Changes, personId: string): number {
  const slices = changesOf(changes, personId).flatMap((mask) => mask.slices)
  return slices.filter(({ authors }) => authors.some(({ id }) => id !== personId)).length
}
