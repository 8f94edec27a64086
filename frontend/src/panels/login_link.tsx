// A fresh sign-in link, shown once, to be copied and sent by hand: no mail server is needed.

import { useEffect, useRef } from 'preact/hooks'
import { formatMoment } from '../i18n/format.ts'
import { signInTexts } from '../i18n/sign_in_text.ts'
import { team } from '../i18n/team.ts'
import { language, t } from '../i18n/text.ts'
import { Icon } from './icon.tsx'

export interface LoginLinkProps {
  name: string
  token: string
  expiresAt: string | null
  /** The person had a password before: it is gone now. */
  renewed?: boolean
  /** Where nobody has a password: the service that the person signs in with, without a link of their own. */
  service?: string | null
  onCopied: () => void
}

export function LoginLink({ name, token, expiresAt, renewed = false, service = null, onCopied }: LoginLinkProps) {
  const text = team().people
  const field = useRef<HTMLInputElement>(null)
  const link = service === null ? `${location.origin}/login?token=${encodeURIComponent(token)}` : `${location.origin}/`
  const title = service === null ? text.linkTitle(name) : signInTexts().invitedTitle(name)
  useEffect(() => field.current!.focus(), [token]) // it is shown once: whoever asked for it is led to it
  async function copy(): Promise<void> {
    field.current!.select()
    await navigator.clipboard.writeText(link)
    onCopied()
  }
  return (
    <div class="notice token-notice" role="status">
      <Icon name="key" />
      <div>
        <h3>{title}</h3>
        <p>{service === null ? text.linkDetail(expiresAt ? formatMoment(expiresAt, language.value) : t().common.none) : signInTexts().invitedDetail(service)}</p>
        {renewed && service === null && <p class="hint">{text.linkWarning}</p>}
        <div class="token-value">
          <input ref={field} class="input" readOnly value={link} aria-label={title} onFocus={(event) => event.currentTarget.select()} />
          <button type="button" class="button" onClick={() => void copy()}><Icon name="copy" />{service === null ? text.copyLink : signInTexts().copyAddress}</button>
        </div>
      </div>
    </div>
  )
}
