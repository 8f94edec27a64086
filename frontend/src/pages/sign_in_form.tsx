// The ways to sign in that this installation has: the account of one's organisation, e-mail and password, or both.

import { useId, useState } from 'preact/hooks'
import type { SignInOptions } from '../api/project_types.ts'
import type { Problem } from '../api/types.ts'
import { signInTexts } from '../i18n/sign_in_text.ts'
import { t } from '../i18n/text.ts'
import { takeFocus } from '../panels/focus.ts'
import { Icon } from '../panels/icon.tsx'
import { ProblemNotice } from '../panels/problem_notice.tsx'
import { useApp } from './app_state.ts'
import { useLoaded } from './use_loaded.ts'

export interface SignInFormProps {
  linkProblem: Problem | null
  /** Where to go afterwards, when something was asked for before. */
  cameFrom: string | null
  /** The code of what went wrong at the organisation's sign-in service. */
  failed: string | null
}

export function SignInForm({ linkProblem, cameFrom, failed }: SignInFormProps) {
  const { api, session } = useApp()
  const options = useLoaded<SignInOptions>((signal) => api.get('/api/auth/options', { signal }), [])
  const [problem, setProblem] = useState<Problem | null>(linkProblem)
  const text = t().login
  const shown = problem ?? (failed === null ? null : failure(failed))
  if (options.problem) return <ProblemNotice problem={options.problem} onRetry={options.reload} />
  if (!options.value) return <p class="login-wait"><span class="spinner" />{t().common.loading}</p>
  const { passwords, oidc } = options.value
  return (
    <div class="stack">
      <h1>{text.title}</h1>
      {shown
        ? <ProblemNotice problem={shown.code === 'bad_login' ? { ...shown, detail: text.wrong } : shown} />
        : cameFrom && <p class="soft">{session.wasHere() ? text.afterSignIn : text.beforeSignIn}</p>}
      {oidc && (
        <a class="button primary wide" href={`${oidc.url}?${new URLSearchParams(cameFrom ? { next: cameFrom } : {})}`}>
          <Icon name="key" />{signInTexts().with(oidc.name)}
        </a>
      )}
      {oidc && passwords && <p class="login-or"><span>{signInTexts().or}</span></p>}
      {passwords && <PasswordForm isFirst={!oidc} onProblem={setProblem} />}
    </div>
  )
}

function PasswordForm({ isFirst, onProblem }: { isFirst: boolean; onProblem: (problem: Problem | null) => void }) {
  const app = useApp()
  const text = t().login
  const [email, setEmail] = useState('')
  const [password, setPassword] = useState('')
  const [busy, setBusy] = useState(false)
  const id = useId()

  async function submit(event: Event): Promise<void> {
    event.preventDefault()
    setBusy(true)
    onProblem(await app.session.signIn(email.trim(), password))
    setBusy(false)
  }
  return (
    <form class="stack" onSubmit={submit}>
      <div class="field">
        <label class="name" for={`${id}e`}>{text.email}</label>
        <input id={`${id}e`} class="input" type="email" autocomplete="username" required ref={isFirst ? takeFocus : null} value={email}
          onInput={(event) => setEmail(event.currentTarget.value)} />
      </div>
      <div class="field">
        <label class="name" for={`${id}p`}>{text.password}</label>
        <input id={`${id}p`} class="input" type="password" autocomplete="current-password" required value={password}
          onInput={(event) => setPassword(event.currentTarget.value)} />
      </div>
      <button class={`button wide${isFirst ? ' primary' : ''}`} disabled={busy}>{busy && <span class="spinner" />}{text.submit}</button>
    </form>
  )
}

/** What went wrong at the organisation's sign-in service, in words. */
function failure(code: string): Problem {
  const text = signInTexts()
  return { code, title: text.failedTitle, detail: text.failed[code] ?? text.failedOther }
}
