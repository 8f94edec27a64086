// Signing in: with the one-time link that `sammed up` prints, then choosing a password; afterwards in the ways of
// sign_in_form.tsx.

import { useEffect, useId, useState } from 'preact/hooks'
import type { Me, Problem } from '../api/types.ts'
import { t } from '../i18n/text.ts'
import { Icon } from '../panels/icon.tsx'
import { NewPassword } from '../panels/new_password.tsx'
import { ProblemNotice } from '../panels/problem_notice.tsx'
import { useApp } from './app_state.ts'
import { LanguageSelect } from './language_select.tsx'
import { hrefTo } from './router.ts'
import { MIN_PASSWORD_LENGTH, passwordFault, type PasswordFault } from './session.ts'
import { SignInForm } from './sign_in_form.tsx'
import { useTitle } from './title.ts'

export function LoginPage({ token, next, failed }: { token: string | null; next: string | null; failed: string | null }) {
  const app = useApp()
  const [problem, setProblem] = useState<Problem | null>(null)
  const [redeeming, setRedeeming] = useState(token !== null)
  const me = app.session.me.value
  useTitle(t().login.title)

  useEffect(() => {
    if (token === null) return
    // The token leaves the address bar (and the history) before anything else happens.
    app.router.navigate(hrefTo.login(next ?? undefined), { replace: true })
    void app.session.signInOnce(token).then((failed) => {
      setProblem(failed ? { ...failed, hint: t().login.linkFailedHint } : null)
      setRedeeming(false)
    })
  }, [])
  const isIn = Boolean(me) && !me!.must_set_password
  useEffect(() => {
    if (isIn) app.router.navigate(next ?? hrefTo.projects(), { replace: true })
  }, [isIn])

  return (
    <main class="login">
      <div class="login-card">
        <div class="login-brand"><Icon name="logo" size={32} /><span>{t().common.appName}</span></div>
        {redeeming || isIn
          ? <p class="login-wait"><span class="spinner" />{t().login.signingIn}</p>
          : me?.must_set_password
            ? <SetPassword me={me} />
            : <SignInForm linkProblem={problem} cameFrom={next} failed={failed} />}
      </div>
      <LanguageSelect quiet />
    </main>
  )
}

function SetPassword({ me }: { me: Me }) {
  const app = useApp()
  const text = t().login
  const [password, setPassword] = useState('')
  const [repeated, setRepeated] = useState('')
  const [shown, setShown] = useState(false)
  const [busy, setBusy] = useState(false)
  const [fault, setFault] = useState<PasswordFault | null>(null)
  const [problem, setProblem] = useState<Problem | null>(null)
  const id = useId()

  async function submit(event: Event): Promise<void> {
    event.preventDefault()
    const found = passwordFault(password, repeated)
    setFault(found)
    if (found) return
    setBusy(true)
    setProblem(await app.session.setPassword(password))
    setBusy(false)
  }
  return (
    <form class="stack" onSubmit={submit} noValidate>
      <h1>{text.setTitle}</h1>
      <p class="soft">{text.setLead(me.name)}</p>
      {problem && <ProblemNotice problem={problem} />}
      <div class="field">
        <label class="name" for={`${id}e`}>{text.email}</label>
        <input id={`${id}e`} class="input" type="email" autocomplete="username" value={me.email} readOnly />
      </div>
      <NewPassword password={password} repeated={repeated} fault={fault} leastLength={MIN_PASSWORD_LENGTH} shown={shown} autoFocus
        onChange={(next, again) => { setPassword(next); setRepeated(again); setFault(null) }} />
      <label class="check"><input type="checkbox" checked={shown} onChange={(event) => setShown(event.currentTarget.checked)} />{text.show}</label>
      <button class="button primary wide" disabled={busy}>{busy && <span class="spinner" />}{text.setSubmit}</button>
    </form>
  )
}
