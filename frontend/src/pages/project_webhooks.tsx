// Webhooks of a project: whom it tells of what, the secret once, and the log of what was sent.

import { useId, useState } from 'preact/hooks'
import type { NewWebhook, Webhook, WebhookEvent } from '../api/project_types.ts'
import type { Page, Problem } from '../api/types.ts'
import { exchange } from '../i18n/exchange.ts'
import { t } from '../i18n/text.ts'
import { Dialog } from '../panels/dialog.tsx'
import { Icon } from '../panels/icon.tsx'
import { ProblemNotice } from '../panels/problem_notice.tsx'
import { useApp } from './app_state.ts'
import { useLoaded } from './use_loaded.ts'
import { WebhookLog } from './webhook_log.tsx'

const EVENTS: readonly WebhookEvent[] = ['case.state_changed', 'comment.added', 'export.ready', 'job.finished', 'job.failed']

export function ProjectWebhooks({ projectId }: { projectId: string }) {
  const { api, toasts } = useApp()
  const text = exchange().webhooks
  const hooks = useLoaded<Page<Webhook>>((signal) => api.get(`/api/projects/${projectId}/webhooks`, { signal }), [projectId])
  const [url, setUrl] = useState('')
  const [events, setEvents] = useState<readonly WebhookEvent[]>(['case.state_changed'])
  const [fresh, setFresh] = useState<NewWebhook | null>(null)
  const [open, setOpen] = useState<string | null>(null)
  const [leaving, setLeaving] = useState<Webhook | null>(null)
  const [problem, setProblem] = useState<Problem | null>(null)
  const id = useId()

  async function after(answer: { error?: Problem }): Promise<void> {
    setProblem(answer.error ?? null)
    await hooks.reload()
  }
  async function create(event: Event): Promise<void> {
    event.preventDefault()
    const answer = await api.post<NewWebhook>(`/api/projects/${projectId}/webhooks`, { json: { url: url.trim(), events } })
    if (answer.data) {
      setFresh(answer.data)
      setUrl('')
    }
    await after(answer)
  }
  const choose = (name: WebhookEvent, on: boolean) => setEvents(on ? [...events, name] : events.filter((other) => other !== name))
  return (
    <section class="card pad stack" aria-labelledby={`${id}t`}>
      <h2 id={`${id}t`}>{text.title}</h2>
      <p class="soft">{text.detail}</p>
      <form class="stack" onSubmit={create}>
        <div class="field">
          <label class="name" for={`${id}u`}>{text.url}</label>
          <input id={`${id}u`} class="input" type="url" required maxLength={2000} placeholder="https://" value={url} onInput={(event) => setUrl(event.currentTarget.value)} />
        </div>
        <fieldset class="field">
          <legend class="name">{text.events}</legend>
          {EVENTS.map((name) => (
            <label key={name} class="check">
              <input type="checkbox" checked={events.includes(name)} onChange={(event) => choose(name, event.currentTarget.checked)} />
              {text.event[name]}
            </label>
          ))}
        </fieldset>
        <div><button class="button" disabled={events.length === 0}>{text.add}</button></div>
      </form>
      {problem && <ProblemNotice problem={problem} />}
      {fresh && (
        <div class="notice token-notice" role="status">
          <Icon name="key" />
          <div>
            <p>{text.secretOnce}</p>
            <div class="token-value">
              <input class="input" readOnly value={fresh.secret} aria-label={text.secret} onFocus={(event) => event.currentTarget.select()} />
              <button type="button" class="button" onClick={async () => { await navigator.clipboard.writeText(fresh.secret); toasts.say(t().common.copied) }}>
                <Icon name="copy" />{t().common.copy}
              </button>
            </div>
          </div>
        </div>
      )}
      {hooks.problem && <ProblemNotice problem={hooks.problem} onRetry={hooks.reload} />}
      {hooks.value?.items.length === 0 && <p class="faint">{text.none}</p>}
      <ul class="rows">
        {hooks.value?.items.map((hook) => (
          <li key={hook.id} class="stack">
            <div>
              <p class="ellipsis">{hook.url}{hook.disabled_at && <> <span class="tag alert">{text.off}</span></>}</p>
              <p class="faint">{hook.events.map((name) => text.event[name]).join(' · ')}{hook.failures > 0 && ` · ${text.failures(hook.failures)}`}</p>
            </div>
            <div class="actions">
              <button type="button" class="button quiet" aria-expanded={open === hook.id} onClick={() => setOpen(open === hook.id ? null : hook.id)}>{text.log}</button>
              <button type="button" class="button quiet" onClick={async () => { await after(await api.post(`/api/webhooks/${hook.id}/ping`)); setOpen(hook.id) }}>{text.ping}</button>
              <button type="button" class="button quiet" onClick={async () => after(await api.patch(`/api/webhooks/${hook.id}`, { json: { active: hook.disabled_at !== null } }))}>
                {hook.disabled_at ? text.switchOn : text.switchOff}
              </button>
              <button type="button" class="button quiet" aria-label={text.deleteNamed(hook.url)} onClick={() => setLeaving(hook)}>{text.delete}</button>
            </div>
            {open === hook.id && <WebhookLog hook={hook} />}
          </li>
        ))}
      </ul>
      {leaving && (
        <Dialog title={text.deleteTitle} onClose={() => setLeaving(null)} footer={<>
          <button type="button" class="button" onClick={() => setLeaving(null)}>{t().common.cancel}</button>
          <button type="button" class="button danger" onClick={async () => { const gone = leaving; setLeaving(null); await after(await api.delete(`/api/webhooks/${gone.id}`)) }}>{text.delete}</button>
        </>}>
          <p>{text.deleteDetail(leaving.url)}</p>
        </Dialog>
      )}
    </section>
  )
}
