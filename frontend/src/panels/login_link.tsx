// A fresh sign-in link, shown once, to be copied and sent by hand: no mail server is needed.

import { useRef } from 'preact/hooks'
import { formatMoment } from '../i18n/format.ts'
import { team } from '../i18n/team.ts'
import { language, t } from '../i18n/text.ts'
import { Icon } from './icon.tsx'

export interface LoginLinkProps {
  name: string
  token: string
  expiresAt: string | null
  /** The person had a password before: it is gone now. */
  renewed?: boolean
  onCopied: () => void
}

export function LoginLink({ name, token, expiresAt, renewed = false, onCopied }: LoginLinkProps) {
  const text = team().people
  const field = useRef<HTMLInputElement>(null)
  const link = `${location.origin}/login?token=${encodeURIComponent(token)}`
  async function copy(): Promise<void> {
    field.current!.select()
    await navigator.clipboard.writeText(link)
    onCopied()
  }
  return (
    <div class="notice token-notice" role="status">
      <Icon name="key" />
      <div>
        <h3>{text.linkTitle(name)}</h3>
        <p>{text.linkDetail(expiresAt ? formatMoment(expiresAt, language.value) : t().common.none)}</p>
        {renewed && <p class="hint">{text.linkWarning}</p>}
        <div class="token-value">
          <input ref={field} class="input" readOnly value={link} aria-label={text.linkTitle(name)} onFocus={(event) => event.currentTarget.select()} />
          <button type="button" class="button" onClick={() => void copy()}><Icon name="copy" />{text.copyLink}</button>
        </div>
      </div>
    </div>
  )
}
