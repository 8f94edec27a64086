// When a case is late.

import type { Case } from '../api/project_types.ts'

/** Whether the date of an unfinished case is past. Dates are days, as the reader's calendar has them. */
export function isOverdue(item: Pick<Case, 'due_on' | 'state'>, now: Date): boolean {
  if (item.due_on === null || item.state === 'submitted' || item.state === 'accepted') return false
  const today = `${now.getFullYear()}-${String(now.getMonth() + 1).padStart(2, '0')}-${String(now.getDate()).padStart(2, '0')}`
  return item.due_on < today
}
