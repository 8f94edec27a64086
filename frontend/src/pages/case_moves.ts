// Which states a person may give a case next: the server's table, for offering only what will be accepted.

import type { CaseState } from '../api/project_types.ts'
import { may, type Action } from './permissions.ts'

const MOVES: Record<CaseState, ReadonlyArray<{ readonly to: CaseState; readonly needs: Action }>> = {
  new: [{ to: 'submitted', needs: 'annotate' }],
  assigned: [{ to: 'submitted', needs: 'annotate' }],
  in_progress: [{ to: 'submitted', needs: 'annotate' }],
  submitted: [{ to: 'accepted', needs: 'review' }, { to: 'returned', needs: 'review' }, { to: 'in_progress', needs: 'annotate' }],
  accepted: [{ to: 'returned', needs: 'review' }],
  returned: [{ to: 'submitted', needs: 'annotate' }],
}

export function movesOf(state: CaseState, role: string): readonly CaseState[] {
  return MOVES[state].filter(({ needs }) => may(role, needs)).map(({ to }) => to)
}
