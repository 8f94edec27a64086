// How urgent a case is, in a table: its due date and its priority.

import type { Case } from '../api/project_types.ts'
import { formatDate } from '../i18n/format.ts'
import { team } from '../i18n/team.ts'
import { language } from '../i18n/text.ts'
import { isOverdue } from './urgency.ts'

export function DueDate({ item }: { item: Pick<Case, 'due_on' | 'state'> }) {
  if (item.due_on === null) return null
  const now = new Date()
  const late = isOverdue(item, now)
  return <span class={late ? 'overdue' : 'soft'} title={late ? team().cases.overdue : team().cases.due}>{formatDate(`${item.due_on}T12:00:00`, language.value, now)}</span>
}

export function PriorityMark({ priority }: { priority: number }) {
  const text = team().cases.priorities
  if (priority === 0) return null
  return <span class={priority > 0 ? 'tag strong' : 'tag'}>{priority > 0 ? text.high : text.low}{Math.abs(priority) > 1 && ` ${priority}`}</span>
}
