// The browsers in which one is signed in, and signing out of them from here.

import { useState } from 'preact/hooks'
import type { SessionOut } from '../api/project_types.ts'
import type { Page, Problem } from '../api/types.ts'
import { formatMoment } from '../i18n/format.ts'
import { team } from '../i18n/team.ts'
import { language } from '../i18n/text.ts'
import { Icon } from '../panels/icon.tsx'
import { ProblemNotice } from '../panels/problem_notice.tsx'
import { useApp } from './app_state.ts'
import { browserName } from './browser_name.ts'
import { useLoaded } from './use_loaded.ts'

export function AccountSessions() {
  const { api, toasts } = useApp()
  const text = team().sessions
  const sessions = useLoaded<Page<SessionOut>>((signal) => api.get('/api/sessions', { signal }), [])
  const [problem, setProblem] = useState<Problem | null>(null)

  async function end(path: string, done?: string): Promise<void> {
    const answer = await api.delete<void>(path)
    setProblem(answer.error ?? null)
    if (!answer.error && done) toasts.say(done)
    await sessions.reload()
  }
  const items = sessions.value?.items ?? []
  const moment = (iso: string) => formatMoment(iso, language.value)
  return (
    <section class="card pad stack">
      <h2>{text.title}</h2>
      {problem && <ProblemNotice problem={problem} />}
      {sessions.problem && <ProblemNotice problem={sessions.problem} onRetry={sessions.reload} />}
      {items.length > 1 && <div><button type="button" class="button" onClick={() => void end('/api/sessions', text.ended)}>{text.endOthers}</button></div>}
      <ul class="rows">
        {items.map((session) => {
          const name = browserName(session.browser) ?? text.unknown
          return (
            <li key={session.id}>
              <Icon name="worker" />
              <div class="grow">
                <p title={session.browser}>{name}{session.current && <> <span class="tag strong">{text.current}</span></>}</p>
                <p class="faint">{[text.since(moment(session.created_at)), ...(session.last_used_at ? [text.seen(moment(session.last_used_at))] : [])].join(' · ')}</p>
              </div>
              {!session.current && <button type="button" class="button quiet" aria-label={text.endNamed(name)} onClick={() => void end(`/api/sessions/${session.id}`)}>{text.end}</button>}
            </li>
          )
        })}
      </ul>
    </section>
  )
}
