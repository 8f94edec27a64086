// The frame that signed-in pages stand in: skip link, top bar, banner, the page.

import type { ComponentChildren } from 'preact'
import { useEffect, useRef } from 'preact/hooks'
import { t } from '../i18n/text.ts'
import { SystemBanner } from '../panels/system_status.tsx'
import { TopBar, type Crumb } from '../panels/top_bar.tsx'
import { useApp } from './app_state.ts'
import { hrefTo } from './router.ts'

export interface FrameProps {
  crumbs?: readonly Crumb[]
  near?: ComponentChildren
  far?: ComponentChildren
  /** The annotate page says what is wrong in places kept free for it, so that the picture never moves. */
  banner?: boolean
  children: ComponentChildren
}

export function Frame({ crumbs = [], near, far, banner = true, children }: FrameProps) {
  const app = useApp()
  const main = useRef<HTMLElement>(null)
  // The link that led here is gone: the keyboard goes on in the new page, not at the top of the document.
  useEffect(() => {
    if (app.router.moved() && document.activeElement === document.body) main.current?.focus({ preventScroll: true })
  }, [])
  const me = app.session.me.value
  if (!me) return null
  const signOut = async () => {
    const left = await app.session.signOut()
    if (left.error) app.toasts.problem(left.error)
    else if (left.data) location.assign(left.data)
    else app.router.navigate(hrefTo.login())
  }
  return (
    <div class="shell">
      <a class="skip-link button" href="#content">{t().common.skipToContent}</a>
      <TopBar me={me} system={app.system} crumbs={crumbs} near={near} far={far === undefined ? <Elsewhere isAdmin={me.is_admin} /> : far} homeHref={hrefTo.projects()}
        accountHref={hrefTo.account()} onSignOut={signOut} />
      {banner && <SystemBanner watch={app.system} />}
      <main ref={main} id="content" class="page" tabIndex={-1}>{children}</main>
    </div>
  )
}

/** The way to one's own queue and, for administrators, to the people; the annotate page has other things there. */
function Elsewhere({ isAdmin }: { isAdmin: boolean }) {
  const text = t().shell
  return (
    <>
      <a class="button quiet" href={hrefTo.work()}>{text.work}</a>
      {isAdmin && <a class="button quiet" href={hrefTo.people()}>{text.people}</a>}
    </>
  )
}
