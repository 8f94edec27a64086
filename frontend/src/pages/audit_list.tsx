// What happened, the newest first: the append-only log of a project, or of everything.

import type { AuditEvent } from '../api/project_types.ts'
import type { Page } from '../api/types.ts'
import { auditTexts } from '../i18n/audit_text.ts'
import { formatMoment } from '../i18n/format.ts'
import { team } from '../i18n/team.ts'
import { language, t } from '../i18n/text.ts'
import { ProblemNotice } from '../panels/problem_notice.tsx'
import { TableSkeleton } from '../panels/skeleton.tsx'
import { useApp } from './app_state.ts'
import { describe, phraseOf } from './audit_detail.ts'
import { hrefTo } from './router.ts'
import { usePaged } from './use_paged.ts'
import { roleName, stateName } from './words.ts'

export function AuditList({ projectId }: { projectId: string | null }) {
  const { api } = useApp()
  const text = team().audit
  const events = usePaged<AuditEvent>((cursor, signal) =>
    api.get<Page<AuditEvent>>('/api/audit', { query: { project_id: projectId, cursor, limit: 100 }, signal }), [projectId])
  return (
    <div class="stack">
      {events.problem && <ProblemNotice problem={events.problem} onRetry={events.reload} />}
      {!events.items && !events.problem && <TableSkeleton rows={6} />}
      {events.items?.length === 0 && <p class="faint">{text.empty}</p>}
      {events.items && events.items.length > 0 && (
        <div class="card">
          <table class="table audit">
            <thead>
              <tr>
                <th scope="col" class="tight">{text.columns.at}</th>
                <th scope="col" class="tight">{text.columns.who}</th>
                <th scope="col" class="tight">{text.columns.what}</th>
                <th scope="col">{text.columns.detail}</th>
              </tr>
            </thead>
            <tbody>
              {events.items.map((event) => (
                <tr key={event.id}>
                  <td class="tight soft">{formatMoment(event.at, language.value)}</td>
                  <td class="tight">{event.actor?.name ?? <span class="faint">{text.system}</span>}</td>
                  <td class="tight" title={event.action}>{phraseOf(event.action, auditTexts())}</td>
                  <td class="soft detail"><Subject event={event} /> {describe(event.detail, event.names, auditTexts(), said)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {events.more && <button type="button" class="button more" disabled={events.loadingMore} onClick={events.loadMore}>{t().common.loadMore}</button>}
    </div>
  )
}

/** Whom or what it happened to, where it has a name; a case, and what belongs to one, leads there. */
function Subject({ event }: { event: AuditEvent }) {
  const name = event.names[event.subject]
  if (event.case_id !== null && name !== undefined) return <a href={hrefTo.annotate(event.case_id)}>{name}</a>
  return name === undefined ? null : <strong>{name}</strong>
}

const said = (fact: string, value: string): string =>
  fact === 'state' ? stateName(value) : fact === 'role' ? roleName(value) : fact === 'via' ? auditTexts().via[value] ?? value : value
