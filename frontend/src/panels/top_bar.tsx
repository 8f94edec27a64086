// The bar above every page: home, where one is, what the page puts there, health, the account.

import type { ComponentChildren } from 'preact'
import type { Me } from '../api/types.ts'
import { t } from '../i18n/text.ts'
import { Icon } from './icon.tsx'
import { Menu } from './menu.tsx'
import { SystemStatus } from './system_status.tsx'
import type { SystemWatch } from './system_watch.ts'

export interface Crumb { label: string; href?: string }

export interface TopBarProps {
  me: Me
  system: SystemWatch
  crumbs?: readonly Crumb[]
  /** Beside the crumbs: position in the list, saved state. */
  near?: ComponentChildren
  /** Before the status: model and assistant. */
  far?: ComponentChildren
  homeHref: string
  accountHref: string
  onSignOut: () => void
}

export function TopBar({ me, system, crumbs = [], near, far, homeHref, accountHref, onSignOut }: TopBarProps) {
  const text = t().shell
  return (
    <header class="top-bar">
      <a class="brand" href={homeHref} aria-label={`${t().common.appName}: ${text.projects}`}><Icon name="logo" size={24} />{t().common.appName}</a>
      <nav aria-label={text.breadcrumb} class="slot">
        <ol class="crumbs">
          {crumbs.map(({ label, href }) => (
            <li key={href ?? label}>{href ? <a href={href}>{label}</a> : <span aria-current="page" title={label}>{label}</span>}</li>
          ))}
        </ol>
      </nav>
      <div class="slot">{near}</div>
      <span class="grow" />
      <div class="slot">{far}</div>
      <SystemStatus watch={system} />
      <Menu button={<Icon name="user" />} label={text.userMenu(me.name)}>
        <div class="caption"><div>{me.name}</div><div class="faint">{me.email}</div></div>
        <hr />
        <a role="menuitem" href={accountHref}><Icon name="settings" />{text.account}</a>
        <a role="menuitem" href="/api/docs" target="_blank" rel="noreferrer"><Icon name="file" />{text.apiDocs}</a>
        <hr />
        <button type="button" role="menuitem" onClick={onSignOut}><Icon name="logout" />{text.signOut}</button>
      </Menu>
    </header>
  )
}
