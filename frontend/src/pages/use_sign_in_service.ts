// The service that people sign in with where nobody has a password; null where there are passwords, and until it is known.

import type { SignInOptions } from '../api/project_types.ts'
import { useApp } from './app_state.ts'
import { useLoaded } from './use_loaded.ts'

export function useSignInService(): string | null {
  const { api } = useApp()
  const options = useLoaded<SignInOptions>((signal) => api.get('/api/auth/options', { signal }), [])
  return options.value && !options.value.passwords ? options.value.oidc?.name ?? null : null
}
