// One's own account: profile, language, appearance, password, tokens; and which models answer clicks.

import { useId, useState } from 'preact/hooks'
import type { Model } from '../api/project_types.ts'
import type { Page, Problem } from '../api/types.ts'
import { signInTexts } from '../i18n/sign_in_text.ts'
import { t } from '../i18n/text.ts'
import { NewPassword } from '../panels/new_password.tsx'
import { ProblemNotice } from '../panels/problem_notice.tsx'
import { Sentence } from '../panels/sentence.tsx'
import { AccountSessions } from './account_sessions.tsx'
import { AccountTokens } from './account_tokens.tsx'
import { appearance, type Appearance } from './appearance.ts'
import { useApp } from './app_state.ts'
import { Frame } from './frame.tsx'
import { LanguageSelect } from './language_select.tsx'
import { MIN_PASSWORD_LENGTH, passwordFault, type PasswordFault } from './session.ts'
import { useTitle } from './title.ts'
import { useLoaded } from './use_loaded.ts'
import { useSignInService } from './use_sign_in_service.ts'

export function AccountPage() {
  const { session } = useApp()
  const text = t().account
  const me = session.me.value!
  const id = useId()
  const service = useSignInService()
  useTitle(text.title)
  return (
    <Frame crumbs={[{ label: text.title }]}>
      <div class="page-inner narrow stack">
        <div class="page-head"><div class="titles"><h1>{me.name}</h1><p>{me.email}{me.is_admin && ` · ${text.administrator}`}</p></div></div>
        <section class="card pad two-fields">
          <div class="field">
            <label class="name" for={`${id}l`}>{text.language}</label>
            <LanguageSelect id={`${id}l`} />
          </div>
          <div class="field">
            <label class="name" for={`${id}a`}>{text.appearance}</label>
            <select id={`${id}a`} class="select" value={appearance.value} onChange={(event) => { appearance.value = event.currentTarget.value as Appearance }}>
              <option value="dark">{text.dark}</option>
              <option value="light">{text.light}</option>
            </select>
            <p class="hint">{text.appearanceHint}</p>
          </div>
        </section>
        {service === null && <PasswordSection hasPassword={me.has_password} />}
        <AccountSessions />
        <AccountTokens />
        <ModelSection />
      </div>
    </Frame>
  )
}

function PasswordSection({ hasPassword }: { hasPassword: boolean }) {
  const { session, toasts } = useApp()
  const text = t().account
  const [current, setCurrent] = useState('')
  const [password, setPassword] = useState('')
  const [repeated, setRepeated] = useState('')
  const [fault, setFault] = useState<PasswordFault | null>(null)
  const [problem, setProblem] = useState<Problem | null>(null)
  const id = useId()

  async function submit(event: Event): Promise<void> {
    event.preventDefault()
    const found = passwordFault(password, repeated)
    setFault(found)
    if (found) return
    const refused = await session.setPassword(password, hasPassword ? current : undefined)
    setProblem(refused)
    if (refused) return
    setCurrent('')
    setPassword('')
    setRepeated('')
    toasts.say(text.passwordChanged)
  }
  return (
    <form class="card pad stack" onSubmit={submit} noValidate>
      <h2>{hasPassword ? text.passwordTitle : signInTexts().passwordTitle}</h2>
      {problem && <ProblemNotice problem={problem} />}
      {hasPassword
        ? (
          <div class="field">
            <label class="name" for={`${id}c`}>{text.currentPassword}</label>
            <input id={`${id}c`} class="input" type="password" autocomplete="current-password" value={current} onInput={(event) => setCurrent(event.currentTarget.value)} />
          </div>
        )
        : <p class="soft">{signInTexts().noPassword}</p>}
      <div class="two-fields">
        <NewPassword password={password} repeated={repeated} fault={fault} leastLength={MIN_PASSWORD_LENGTH}
          onChange={(next, again) => { setPassword(next); setRepeated(again); setFault(null) }} />
      </div>
      <div><button class="button" disabled={(hasPassword && current === '') || password === ''}>{hasPassword ? text.changePassword : signInTexts().setPassword}</button></div>
    </form>
  )
}

function ModelSection() {
  const { api } = useApp()
  const text = t().account
  const models = useLoaded<Page<Model>>((signal) => api.get('/api/models', { signal }), [])
  if (models.problem) return <ProblemNotice problem={models.problem} onRetry={models.reload} />
  return (
    <section class="card pad stack">
      <h2>{text.models}</h2>
      <p class="soft"><Sentence text={text.modelsDetail} /></p>
      <ul class="rows">
        {models.value?.items.map((model) => (
          <li key={model.name} class="model-row">
            <span>{model.name}</span>
            {model.default && <span class="tag strong">{text.modelDefault}</span>}
            <code class="faint ellipsis" title={model.checksum}>sha256 {model.checksum.slice(0, 16)}</code>
          </li>
        ))}
      </ul>
    </section>
  )
}
