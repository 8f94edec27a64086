// Who is signed in. `me` is undefined until the server has been asked, null when nobody is.

import { signal, type ReadonlySignal } from '@preact/signals'
import { OFFLINE, type Client, type Result } from '../api/client.ts'
import type { LogoutOut } from '../api/project_types.ts'
import type { Me, Problem } from '../api/types.ts'

export const MIN_PASSWORD_LENGTH = 10

export interface Session {
  readonly me: ReadonlySignal<Me | null | undefined>
  /** Somebody was signed in in this browser and has not signed out: their session has ended by itself, or was ended. */
  readonly wasHere: () => boolean
  /** Asks the server who is signed in. A problem other than "nobody" is given back. */
  load(): Promise<Problem | null>
  signIn(email: string, password: string): Promise<Problem | null>
  signInOnce(token: string): Promise<Problem | null>
  /** `current` is not needed while the account has no password of its own. */
  setPassword(password: string, current?: string): Promise<Problem | null>
  /** Gives back where to go to sign out of the organisation's account, too, or null. */
  signOut(): Promise<Result<string | null>>
  /** The server said that the session is over. */
  expired(): void
}

const HERE = 'sammed.signed-in'

/** `memory`: what the browser keeps between visits. */
export function createSession(api: Client, memory: Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>): Session {
  const me = signal<Me | null | undefined>(undefined)

  function take(answer: Result<Me>): Problem | null {
    if (answer.error) return answer.error
    me.value = answer.data
    memory.setItem(HERE, 'yes')
    return null
  }
  return {
    me,
    wasHere: () => memory.getItem(HERE) !== null,
    async load() {
      const problem = take(await api.get<Me>('/api/me'))
      if (problem?.status === 401) me.value = null
      return problem === null || problem.status === 401 ? null : problem
    },
    async signIn(email, password) {
      return take(await api.post<Me>('/api/auth/login', { json: { email, password } }))
    },
    async signInOnce(token) {
      return take(await api.post<Me>('/api/auth/one-time', { json: { token } }))
    },
    async setPassword(password, current) {
      const json = current === undefined ? { password } : { password, current_password: current }
      const answer = await api.post<void>('/api/auth/password', { json })
      if (answer.error) return answer.error
      if (me.value) me.value = { ...me.value, has_password: true, must_set_password: false }
      return null
    },
    async signOut() {
      const answer = await api.post<LogoutOut>('/api/auth/logout')
      if (answer.error && answer.error.code === OFFLINE) return { error: answer.error }
      me.value = null
      memory.removeItem(HERE)
      return { data: answer.data?.provider_url ?? null }
    },
    expired: () => { me.value = null },
  }
}

export type PasswordFault = 'too_short' | 'not_equal'

/** What is wrong with a new password typed twice, or null. The server has the last word. */
export function passwordFault(password: string, repeated: string): PasswordFault | null {
  if (password.length < MIN_PASSWORD_LENGTH) return 'too_short'
  return password === repeated ? null : 'not_equal'
}
