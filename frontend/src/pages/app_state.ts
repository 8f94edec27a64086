// What every page shares, built once in main.tsx and handed down by context: the composition root of the pages.

import { createContext } from 'preact'
import { useContext } from 'preact/hooks'
import { createClient, type Client } from '../api/client.ts'
import { createEarly, type Early } from '../api/early.ts'
import { inPageLanguage } from '../i18n/problems.ts'
import { createSystemWatch, type SystemWatch } from '../panels/system_watch.ts'
import { createToasts, type Toasts } from '../panels/toasts.tsx'
import { createUploads, type Uploads } from '../panels/uploads.ts'
import { createRouter, type Router } from './router.ts'
import { createSession, type Session } from './session.ts'

export interface App {
  readonly api: Client
  readonly early: Early
  readonly router: Router
  readonly session: Session
  readonly system: SystemWatch
  readonly toasts: Toasts
  readonly uploads: Uploads
}

export function createApp(view: Window): App {
  const early = createEarly((input, init) => view.fetch(input, init), () => view.performance.now())
  const api = createClient({ fetch: early.fetch, onUnauthenticated: () => session.expired(), inWords: inPageLanguage })
  const session = createSession(api, view.localStorage)
  return {
    api,
    early,
    session,
    router: createRouter(view),
    system: createSystemWatch(api),
    toasts: createToasts((run, ms) => { view.setTimeout(run, ms) }),
    uploads: createUploads(api),
  }
}

export const AppContext = createContext<App | null>(null)

export function useApp(): App {
  const app = useContext(AppContext)
  if (!app) throw new Error('useApp() outside of <AppContext.Provider>')
  return app
}
