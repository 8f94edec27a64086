// How the installation is doing: asks /api/system rarely while all is well and gently more often while something is
// wrong, so that a banner goes away by itself. `diagnose` is the pure rule that turns the answer into one trouble.

import { computed, effect, signal, type ReadonlySignal } from '@preact/signals'
import type { Client } from '../api/client.ts'
import type { SystemOut } from '../api/types.ts'

export interface Trouble {
  readonly kind: 'offline' | 'queue' | 'no_workers' | 'no_click' | 'no_io' | 'stated'
  /** The server's own words, when it stated the problem. */
  readonly detail?: string
  readonly hint?: string
}

export const SLOW_MS = 60_000
export const QUICK_MS = 4_000

/** The troubles to show, the worst first. An empty list means that all is well or nothing is known yet. */
export function diagnose(online: boolean, system: SystemOut | null): readonly Trouble[] {
  if (!online) return [{ kind: 'offline' }]
  if (!system) return []
  if (system.redis !== 'ok') return [{ kind: 'queue' }]
  if (Object.values(system.workers).every((count) => count === 0)) return [{ kind: 'no_workers' }]
  const troubles: Trouble[] = []
  if ((system.workers['click'] ?? 0) === 0) troubles.push({ kind: 'no_click' })
  if ((system.workers['io'] ?? 0) === 0) troubles.push({ kind: 'no_io' })
  if (troubles.length > 0) return troubles
  return system.problems.map(({ detail, hint }) => ({ kind: 'stated', detail, ...(hint ? { hint } : {}) }))
}

export interface SystemWatch {
  readonly system: ReadonlySignal<SystemOut | null>
  readonly troubles: ReadonlySignal<readonly Trouble[]>
  checkNow(): Promise<void>
  /** Asks only while somebody is signed in. */
  start(): void
  stop(): void
}

export function createSystemWatch(api: Client): SystemWatch {
  const system = signal<SystemOut | null>(null)
  const troubles = computed(() => diagnose(api.online.value, system.value))
  let running = false
  let timer: ReturnType<typeof setTimeout> | undefined

  async function checkNow(): Promise<void> {
    clearTimeout(timer)
    const answer = await api.get<SystemOut>('/api/system')
    if (answer.data) system.value = answer.data
    if (!running) return
    clearTimeout(timer)
    timer = setTimeout(() => void checkNow(), troubles.value.length > 0 ? QUICK_MS : SLOW_MS)
  }

  effect(() => {
    if (!api.online.value && running) void checkNow()
  })
  window.addEventListener('online', () => { if (running) void checkNow() })
  document.addEventListener('visibilitychange', () => {
    if (running && document.visibilityState === 'visible') void checkNow()
  })

  return {
    system,
    troubles,
    checkNow,
    start: () => { if (!running) { running = true; void checkNow() } },
    stop: () => { running = false; clearTimeout(timer) },
  }
}
