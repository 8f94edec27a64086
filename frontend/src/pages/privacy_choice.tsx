// The choice of a project's policy of de-identification, with what it means.

import { useId } from 'preact/hooks'
import type { Privacy } from '../api/project_types.ts'
import { privacy } from '../i18n/privacy_text.ts'

const POLICIES: readonly Privacy[] = ['retain-uids', 'full', 'none']

interface Props { value: Privacy; disabled?: boolean; onChange: (value: Privacy) => void }

export function PrivacyChoice({ value, disabled, onChange }: Props) {
  const text = privacy()
  const id = useId()
  return (
    <div class="field">
      <label class="name" for={id}>{text.choose}</label>
      <select id={id} class="input" value={value} disabled={disabled} aria-describedby={`${id}h`}
        onChange={(event) => onChange(event.currentTarget.value as Privacy)}>
        {POLICIES.map((policy) => <option key={policy} value={policy}>{text.policies[policy]}</option>)}
      </select>
      <p id={`${id}h`} class="hint">{text.details[value]} {value !== 'none' && text.hint}</p>
    </div>
  )
}
