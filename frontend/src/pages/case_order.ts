// The place of a case in its project's list, for "12 of 200" and the way to its neighbours. The list is read page by page
// until the case and the one after it are known.

import type { Client } from '../api/client.ts'
import type { Case } from '../api/project_types.ts'
import type { Page } from '../api/types.ts'

export interface CasePlace {
  /** 0-based. */
  readonly index: number
  readonly previousId: string | null
  readonly nextId: string | null
}

/** The place of `id` in a list that may go on; null when it is not there, 'more' when the next page has to tell. */
export function placeOf(ids: readonly string[], id: string, isEnd: boolean): CasePlace | null | 'more' {
  const index = ids.indexOf(id)
  if (index < 0) return isEnd ? null : 'more'
  const next = ids[index + 1]
  if (next === undefined && !isEnd) return 'more'
  return { index, previousId: ids[index - 1] ?? null, nextId: next ?? null }
}

const PAGE_SIZE = 200

export async function findPlace(api: Client, projectId: string, caseId: string, signal: AbortSignal): Promise<CasePlace | null> {
  const ids: string[] = []
  let cursor: string | null = null
  for (;;) {
    const answer: { data?: Page<Case> | undefined } = await api.get<Page<Case>>(`/api/projects/${projectId}/cases`, { query: { limit: PAGE_SIZE, cursor }, signal })
    if (!answer.data) return null // the position is a comfort; the page says what is wrong elsewhere
    ids.push(...answer.data.items.map((item) => item.id))
    cursor = answer.data.next_cursor
    const place = placeOf(ids, caseId, cursor === null)
    if (place !== 'more') return place
  }
}
