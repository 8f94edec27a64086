// Personal tokens: made here, shown once, revoked here.

import { useId, useState } from 'preact/hooks'
import type { NewToken, Token, TokenScope } from '../api/project_types.ts'
import type { Page, Problem } from '../api/types.ts'
import { formatDate } from '../i18n/format.ts'
import { team } from '../i18n/team.ts'
import { language, t } from '../i18n/text.ts'
import { Icon } from '../panels/icon.tsx'
import { ProblemNotice } from '../panels/problem_notice.tsx'
import { useApp } from './app_state.ts'
import { expiryOf, LIFE_DAYS, type TokenLife } from './token_life.ts'
import { useLoaded } from './use_loaded.ts'

export function AccountTokens() {
  const { api, toasts } = useApp()
  const text = t().account
  const tokens = useLoaded<Page<Token>>((signal) => api.get('/api/tokens', { signal }), [])
  const [name, setName] = useState('')
  const [life, setLife] = useState<TokenLife>('days90')
  const [scope, setScope] = useState<TokenScope>('all')
  const [fresh, setFresh] = useState<NewToken | null>(null)
  const [problem, setProblem] = useState<Problem | null>(null)
  const id = useId()

  async function create(event: Event): Promise<void> {
    event.preventDefault()
    const answer = await api.post<NewToken>('/api/tokens', { json: { name: name.trim(), scope, expires_at: expiryOf(life, new Date()) } })
    setProblem(answer.error ?? null)
    if (answer.error) return
    setFresh(answer.data)
    setName('')
    await tokens.reload()
  }
  async function revoke(token: Token): Promise<void> {
    const answer = await api.delete<void>(`/api/tokens/${token.id}`)
    setProblem(answer.error ?? null)
    if (fresh?.id === token.id) setFresh(null)
    await tokens.reload()
  }
  const date = (iso: string) => formatDate(iso, language.value, new Date())
  return (
    <section class="card pad stack">
      <h2>{text.tokensTitle}</h2>
      <p class="soft">{text.tokensDetail}</p>
      <form class="inline-form" onSubmit={create}>
        <div class="field grow">
          <label class="name" for={`${id}n`}>{text.tokenName}</label>
          <input id={`${id}n`} class="input" required maxLength={120} placeholder={text.tokenNamePlaceholder} value={name} onInput={(event) => setName(event.currentTarget.value)} />
        </div>
        <div class="field">
          <label class="name" for={`${id}l`}>{text.tokenExpiry}</label>
          <select id={`${id}l`} class="select" value={life} onChange={(event) => setLife(event.currentTarget.value as TokenLife)}>
            {(Object.keys(LIFE_DAYS) as TokenLife[]).map((key) => <option key={key} value={key}>{text.expiry[key]}</option>)}
          </select>
        </div>
        <div class="field">
          <label class="name" for={`${id}s`}>{team().tokens.scope}</label>
          <select id={`${id}s`} class="select" value={scope} onChange={(event) => setScope(event.currentTarget.value as TokenScope)}>
            <option value="all">{team().tokens.all}</option>
            <option value="read">{team().tokens.read}</option>
          </select>
        </div>
        <button class="button">{text.createToken}</button>
      </form>
      {problem && <ProblemNotice problem={problem} />}
      {fresh && (
        <div class="notice token-notice" role="status">
          <Icon name="key" />
          <div>
            <p>{text.tokenOnce}</p>
            <div class="token-value">
              <input class="input" readOnly value={fresh.token} aria-label={fresh.name} onFocus={(event) => event.currentTarget.select()} />
              <button type="button" class="button" onClick={async () => { await navigator.clipboard.writeText(fresh.token); toasts.say(t().common.copied) }}>
                <Icon name="copy" />{t().common.copy}
              </button>
            </div>
          </div>
        </div>
      )}
      {tokens.problem && <ProblemNotice problem={tokens.problem} onRetry={tokens.reload} />}
      {tokens.value?.items.length === 0 && <p class="faint">{text.noTokens}</p>}
      <ul class="rows">
        {tokens.value?.items.map((token) => (
          <li key={token.id} class="token-row">
            <Icon name="key" />
            <div class="grow">
              <p>{token.name}{token.scope === 'read' && <> <span class="tag">{team().tokens.readTag}</span></>}</p>
              <p class="faint">{[
                text.tokenCreated(date(token.created_at)),
                token.expires_at ? text.tokenExpires(date(token.expires_at)) : text.tokenNoExpiry,
                token.last_used_at ? text.tokenUsed(date(token.last_used_at)) : text.tokenNeverUsed,
              ].join(' · ')}</p>
            </div>
            <button type="button" class="button quiet" aria-label={text.revokeNamed(token.name)} onClick={() => void revoke(token)}>{text.revoke}</button>
          </li>
        ))}
      </ul>
    </section>
  )
}
