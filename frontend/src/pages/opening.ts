// The first page's code and data are asked for together, before anything is drawn: a case opens in few turns with the server.
import type { Early } from '../api/early.ts'
import type { Route } from './router.ts'

export function askForPage(early: Early, route: Route): void {
  if (route.page === 'login') return
  early.ask('/api/me')
  if (route.page !== 'annotate') return
  early.ask(`/api/cases/${route.caseId}`)
  early.ask(`/api/cases/${route.caseId}/place`)
  void import('./annotate.tsx').catch(() => {}) // who shows the page says what is wrong
}
