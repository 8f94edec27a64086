// What was sent to one webhook, the newest first, and sending it again.

import { useState } from 'preact/hooks'
import type { Delivery, Webhook } from '../api/project_types.ts'
import type { Page, Problem } from '../api/types.ts'
import { exchange } from '../i18n/exchange.ts'
import { formatMoment } from '../i18n/format.ts'
import { language, t } from '../i18n/text.ts'
import { ProblemNotice } from '../panels/problem_notice.tsx'
import { useApp } from './app_state.ts'
import { usePaged } from './use_paged.ts'

export function WebhookLog({ hook }: { hook: Webhook }) {
  const { api } = useApp()
  const text = exchange().webhooks
  const log = usePaged<Delivery>((cursor, signal) =>
    api.get<Page<Delivery>>(`/api/webhooks/${hook.id}/deliveries`, { query: { cursor, limit: 20 }, signal }), [hook])
  const [problem, setProblem] = useState<Problem | null>(null)

  async function again(delivery: Delivery): Promise<void> {
    const answer = await api.post<Delivery>(`/api/deliveries/${delivery.id}/redeliver`)
    setProblem(answer.error ?? null)
    if (answer.data) log.replace((one) => one.id === delivery.id, answer.data)
  }
  return (
    <div class="stack">
      {(problem ?? log.problem) && <ProblemNotice problem={(problem ?? log.problem)!} onRetry={log.reload} />}
      {log.items?.length === 0 && <p class="faint">{text.logEmpty}</p>}
      {log.items && log.items.length > 0 && (
        <table class="table">
          <thead>
            <tr>
              <th scope="col">{text.columns.event}</th>
              <th scope="col">{text.columns.at}</th>
              <th scope="col">{text.columns.outcome}</th>
              <th scope="col"><span class="visually-hidden">{text.again}</span></th>
            </tr>
          </thead>
          <tbody>
            {log.items.map((delivery) => (
              <tr key={delivery.id}>
                <td>{text.event[delivery.event]}</td>
                <td class="soft">{formatMoment(delivery.created_at, language.value)}</td>
                <td>
                  {text.state[delivery.state]}{delivery.status !== null && ` (${delivery.status})`}
                  {delivery.attempts > 1 && <span class="faint"> {text.attempts(delivery.attempts)}</span>}
                  {delivery.state === 'pending' && delivery.attempts > 0 && <span class="faint">{text.next(formatMoment(delivery.next_at, language.value))}</span>}
                  {delivery.error && <p class="faint">{delivery.error}</p>}
                </td>
                <td><button type="button" class="button quiet" onClick={() => void again(delivery)}>{text.again}</button></td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      <div class="actions">
        <button type="button" class="button quiet" onClick={() => void log.reload()}>{text.refresh}</button>
        {log.more && <button type="button" class="button quiet" disabled={log.loadingMore} onClick={log.loadMore}>{t().common.loadMore}</button>}
      </div>
    </div>
  )
}
