// Addresses and pages: parsing is pure, the router keeps one signal in step with the browser's history.
// Links are plain <a href>: the router takes the click when it would stay inside the application.

import { signal, type ReadonlySignal } from '@preact/signals'

export const PROJECT_TABS = ['cases', 'labels', 'members', 'models', 'evaluation', 'comparisons', 'statistics', 'servers', 'log', 'settings'] as const
export type ProjectTab = (typeof PROJECT_TABS)[number]

export type PeopleTab = 'accounts' | 'log'

export type Route =
  /** `failed`: the code of what went wrong at the organisation's sign-in service. */
  | { readonly page: 'login'; readonly token: string | null; readonly next: string | null; readonly failed: string | null }
  | { readonly page: 'projects' }
  | { readonly page: 'project'; readonly projectId: string; readonly tab: ProjectTab }
  | { readonly page: 'annotate'; readonly caseId: string; readonly volumeId: string | null; readonly readerId: string | null }
  | { readonly page: 'blank'; readonly caseId: string; readonly volumeId: string | null }
  | { readonly page: 'judge'; readonly comparisonId: string }
  | { readonly page: 'account' }
  | { readonly page: 'work' }
  | { readonly page: 'people'; readonly tab: PeopleTab }
  | { readonly page: 'missing'; readonly path: string }

/** Where "after signing in" may lead: a path of ours, never another site. */
function ownPath(next: string | null): string | null {
  return next !== null && /^\/(?![/\\])/.test(next) ? next : null
}

export function parseRoute(href: string): Route {
  const url = new URL(href, 'http://page.invalid')
  const missing: Route = { page: 'missing', path: url.pathname }
  const [head, id, rest, ...more] = url.pathname.split('/').filter(Boolean)
  if (more.length > 0) return missing
  if (head === undefined) return { page: 'projects' }
  if (head === 'login' && id === undefined) {
    const asked = (name: string): string | null => url.searchParams.get(name)
    return { page: 'login', token: asked('token'), next: ownPath(asked('next')), failed: asked('failed') }
  }
  if (head === 'work' && id === undefined) return { page: 'work' }
  if (head === 'people' && rest === undefined && (id === undefined || id === 'log')) return { page: 'people', tab: id ?? 'accounts' }
  if (head === 'account' && id === undefined) return { page: 'account' }
  if (head === 'projects' && id === undefined) return { page: 'projects' }
  if (head === 'projects' && id !== undefined) {
    const tab = PROJECT_TABS.find((name) => name === (rest ?? 'cases'))
    return tab ? { page: 'project', projectId: id, tab } : missing
  }
  if (head === 'cases' && id !== undefined && rest === undefined) {
    return { page: 'annotate', caseId: id, volumeId: url.searchParams.get('volume'), readerId: url.searchParams.get('reader') }
  }
  if (head === 'cases' && id !== undefined && rest === 'blank') return { page: 'blank', caseId: id, volumeId: url.searchParams.get('volume') }
  if (head === 'comparisons' && id !== undefined && rest === undefined) return { page: 'judge', comparisonId: id }
  return missing
}

export const hrefTo = {
  projects: () => '/',
  project: (projectId: string, tab: ProjectTab = 'cases') =>
    `/projects/${projectId}${tab === 'cases' ? '' : `/${tab}`}`,
  /** `readerId`: whose masks a reviewer looks at, `own` for their own. */
  annotate: (caseId: string, volumeId?: string, readerId?: string) => {
    const query = new URLSearchParams({ ...(volumeId ? { volume: volumeId } : {}), ...(readerId ? { reader: readerId } : {}) }).toString()
    return `/cases/${caseId}${query && `?${query}`}`
  },
  /** Where text in the pixels is made blank. */
  blank: (caseId: string, volumeId?: string) => `/cases/${caseId}/blank${volumeId ? `?volume=${volumeId}` : ''}`,
  /** Where the pairs of a blinded comparison are judged. */
  judge: (comparisonId: string) => `/comparisons/${comparisonId}`,
  account: () => '/account',
  work: () => '/work',
  people: (tab: PeopleTab = 'accounts') => (tab === 'accounts' ? '/people' : `/people/${tab}`),
  login: (next?: string) => `/login${next && next !== '/' ? `?next=${encodeURIComponent(next)}` : ''}`,
}

export interface Router {
  readonly route: ReadonlySignal<Route>
  /** Whether this is not the page that the browser loaded first. */
  readonly moved: () => boolean
  navigate(href: string, options?: { replace?: boolean }): void
}

/** Follows the address of `view` and takes over clicks on links inside the application. */
export function createRouter(view: Window): Router {
  const here = () => view.location.pathname + view.location.search
  const route = signal<Route>(parseRoute(here()))
  let moved = false

  function navigate(href: string, { replace = false }: { replace?: boolean } = {}): void {
    if (replace) view.history.replaceState(null, '', href)
    else if (href !== here()) view.history.pushState(null, '', href)
    moved = true
    route.value = parseRoute(href)
  }

  view.addEventListener('popstate', () => {
    moved = true
    route.value = parseRoute(here())
  })
  view.document.addEventListener('click', (event) => {
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return
    const link = (event.target as Element | null)?.closest('a')
    if (!link || link.target || link.hasAttribute('download') || link.origin !== view.location.origin) return
    if (link.pathname.startsWith('/api/') || link.getAttribute('href')?.startsWith('#')) return
    event.preventDefault()
    navigate(link.pathname + link.search)
  })
  return { route, moved: () => moved, navigate }
}
