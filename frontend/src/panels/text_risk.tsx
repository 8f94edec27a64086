// The warning that an image's pixels may show who the patient is, with the way to blank it for those who may.

import { blanking } from '../i18n/blanking_text.ts'
import { Icon } from './icon.tsx'

export type TextRisk = keyof ReturnType<typeof blanking>['risk']

/** `quiet`: where the way to blank it is beside it anyway. */
export function TextRiskWarning({ risk, href, quiet = false }: { risk: string; href: string | null; quiet?: boolean }) {
  const text = blanking()
  return (
    <div class="text-risk" role="note">
      <Icon name="warning" size={16} />
      <p>{text.risk[risk as TextRisk]} {href ? <a href={href}>{text.look}</a> : !quiet && <span class="soft">{text.ask}</span>}</p>
    </div>
  )
}

/** In a list: a mark, which leads to the tool where the reader may use it. */
export function TextRiskMark({ risk, href }: { risk: string; href: string | null }) {
  const text = blanking()
  const name = `${text.mark}: ${text.risk[risk as TextRisk]}`
  const icon = <Icon name="eye" size={16} />
  return href
    ? <a class="text-mark above" href={href} aria-label={name} title={name}>{icon}</a>
    : <span class="text-mark above" role="img" aria-label={name} title={name}>{icon}</span>
}
