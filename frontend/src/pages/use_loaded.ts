// Loading something for a page: the value, the problem, or neither while it is on its way; reloading keeps the old value
// on screen until the new one is there.

import { useCallback, useEffect, useRef, useState } from 'preact/hooks'
import type { Result } from '../api/client.ts'
import { ABORTED } from '../api/client.ts'
import type { Problem } from '../api/types.ts'

export interface Loaded<T> {
  readonly value: T | null
  readonly problem: Problem | null
  reload(): Promise<void>
  /** Puts a value that the page already knows (an answer to its own change). */
  put(value: T): void
}

export function useLoaded<T>(load: (signal: AbortSignal) => Promise<Result<T>>, keys: readonly unknown[]): Loaded<T> {
  const [state, setState] = useState<{ value: T | null; problem: Problem | null }>({ value: null, problem: null })
  const running = useRef<AbortController | null>(null)

  const reload = useCallback(async () => {
    running.current?.abort()
    const controller = new AbortController()
    running.current = controller
    const answer = await load(controller.signal)
    if (controller.signal.aborted) return
    if (!answer.error) setState({ value: answer.data as T, problem: null })
    else if (answer.error.code !== ABORTED) setState((old) => ({ value: old.value, problem: answer.error! }))
  }, keys)

  useEffect(() => {
    setState({ value: null, problem: null })
    void reload()
    return () => running.current?.abort()
  }, [reload])

  return { ...state, reload, put: (value) => setState({ value, problem: null }) }
}
