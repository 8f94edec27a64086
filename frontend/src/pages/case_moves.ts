// Which states a person may give a case next: the server's table, for offering only what will be accepted.

import type { Case, CaseState, Project } from '../api/project_types.ts'
import { may, type Action } from './permissions.ts'

const MOVES: Record<CaseState, ReadonlyArray<{ readonly to: CaseState; readonly needs: Action }>> = {
  new: [{ to: 'submitted', needs: 'annotate' }],
  assigned: [{ to: 'submitted', needs: 'annotate' }],
  in_progress: [{ to: 'submitted', needs: 'annotate' }],
  submitted: [{ to: 'accepted', needs: 'review' }, { to: 'returned', needs: 'review' }, { to: 'in_progress', needs: 'annotate' }],
  accepted: [{ to: 'returned', needs: 'manage' }],
  returned: [{ to: 'submitted', needs: 'annotate' }],
}

export function movesOf(state: CaseState, role: string): readonly CaseState[] {
  return MOVES[state].filter(({ needs }) => may(role, needs)).map(({ to }) => to)
}

/** The moves of this case: what is somebody else's is not for who only annotates. The server's rule. */
export function movesFor(item: Pick<Case, 'state' | 'assignee' | 'readings'>, role: string, me: string): readonly CaseState[] {
  const ofAnother = item.assignee !== null && item.assignee.id !== me
  return ofAnother && !may(role, 'review') ? [] : movesOf(item.state, role)
}

/** Who reviews a case that one other person submitted corrects the masks of whoever drew them. The server's rule. */
export function mayCorrect(item: Pick<Case, 'state' | 'assignee' | 'readings'>, role: string, me: string, annotatorId: string | null): boolean {
  return item.state === 'submitted' && may(role, 'review') && item.readings.length === 0 && item.assignee?.id !== me && annotatorId !== null && annotatorId !== me
}

/** Nobody draws in what is accepted; in what is submitted only who reviews it and did not submit it; who only annotates in
    nothing that is assigned to somebody else. The server's rule. */
export function isLocked(item: Pick<Case, 'state' | 'assignee' | 'readings'>, role: string, me: string): boolean {
  if (item.state === 'accepted') return true
  const ofAnother = item.readings.length > 0 || (item.assignee !== null && item.assignee.id !== me)
  if (!may(role, 'review') && item.assignee !== null && item.assignee.id !== me) return true
  return item.state === 'submitted' && !(may(role, 'review') && ofAnother)
}

/** Who draws brings in masks of their own as long as these may change; who reviews brings in those of programs at any time. */
export function mayImportMasks(item: Case, project: Pick<Project, 'role' | 'archived'>, me: string): boolean {
  if (project.archived || item.volumes.length === 0) return false
  return may(project.role, 'review') || (may(project.role, 'annotate') && !isLocked(item, project.role, me))
}
