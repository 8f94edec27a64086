// Over the picture of a case that somebody else has open.

import { team } from '../i18n/team.ts'
import { Icon } from '../panels/icon.tsx'

export function LeaseNotice({ name, backHref, onTakeOver }: { name: string; backHref: string; onTakeOver: () => void }) {
  const text = team().lease
  return (
    <div class="lease-notice notice" role="status">
      <Icon name="user" />
      <div>
        <h3>{text.open(name)}</h3>
        <p class="soft">{text.detail}</p>
        <div class="actions">
          <a class="button" href={backHref}>{text.back}</a>
          <button type="button" class="button" onClick={onTakeOver}>{text.takeOver}</button>
        </div>
      </div>
    </div>
  )
}
