// An event of the log in words.

import type { AuditTexts } from '../i18n/audit_en.ts'

type Names = Readonly<Record<string, string>>

/** What happened; its name in the log, where no phrase says it. */
export const phraseOf = (action: string, text: AuditTexts): string => text.actions[action] ?? action

/** The facts of an event in one line; of a change, what was and what is. What is named already is not repeated. */
export function describe(detail: Readonly<Record<string, unknown>>, names: Names, text: AuditTexts, said: (fact: string, value: string) => string = (_, value) => value): string {
  const say = (fact: string, value: unknown): string => {
    if (value === null) return '–'
    if (typeof value === 'boolean') return value ? text.yes : text.no
    if (Array.isArray(value)) return value.map((one) => say(fact, one)).join(', ')
    return typeof value === 'object' ? JSON.stringify(value) : names[String(value)] ?? said(fact, String(value))
  }
  return Object.entries(detail).map(([fact, value]) => {
    const name = text.facts[fact] ?? fact
    const change = Array.isArray(value) && value.length === 2 && CHANGES.has(fact)
    return change ? `${name}: ${say(fact, value[0])} → ${say(fact, value[1])}` : `${name}: ${say(fact, value)}`
  }).join(' · ')
}

/** Of these facts the log keeps what was and what is; other lists are just lists. */
const CHANGES: ReadonlySet<string> = new Set(['state', 'assignee', 'priority', 'due_on', 'result_by'])
