// A list that comes page by page with cursors. A reload keeps what is on screen until the first page is there again.

import { useCallback, useEffect, useRef, useState } from 'preact/hooks'
import { ABORTED, type Result } from '../api/client.ts'
import type { Page, Problem } from '../api/types.ts'

export interface Paged<T> {
  /** null until the first answer. */
  readonly items: readonly T[] | null
  readonly problem: Problem | null
  readonly more: boolean
  readonly loadingMore: boolean
  reload(): Promise<void>
  loadMore(): Promise<void>
  /** Puts a changed item in the place of the old one. */
  replace(same: (item: T) => boolean, item: T): void
}

interface State<T> { items: readonly T[] | null; cursor: string | null; problem: Problem | null; loadingMore: boolean }
const NOTHING = { items: null, cursor: null, problem: null, loadingMore: false }

export function usePaged<T>(
  load: (cursor: string | null, signal: AbortSignal) => Promise<Result<Page<T>>>, keys: readonly unknown[],
): Paged<T> {
  const [state, setState] = useState<State<T>>(NOTHING)
  const running = useRef<AbortController | null>(null)

  const fetchPage = useCallback(async (cursor: string | null) => {
    running.current?.abort()
    const controller = new AbortController()
    running.current = controller
    const answer = await load(cursor, controller.signal)
    if (controller.signal.aborted) return
    setState((old) => {
      if (answer.error) return answer.error.code === ABORTED ? old : { ...old, problem: answer.error, loadingMore: false }
      const before = cursor === null ? [] : old.items ?? []
      return { items: [...before, ...answer.data.items], cursor: answer.data.next_cursor, problem: null, loadingMore: false }
    })
  }, keys)

  useEffect(() => {
    void fetchPage(null)
    return () => running.current?.abort()
  }, [fetchPage])

  return {
    items: state.items,
    problem: state.problem,
    more: state.cursor !== null,
    loadingMore: state.loadingMore,
    reload: () => fetchPage(null),
    loadMore: async () => {
      setState((old) => ({ ...old, loadingMore: true }))
      await fetchPage(state.cursor)
    },
    replace: (same, item) => setState((old) => ({
      ...old, items: old.items && old.items.map((candidate) => (same(candidate) ? item : candidate)),
    })),
  }
}
