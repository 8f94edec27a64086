// The two fields of a new password, with what is wrong beside the field it is wrong in.

import { useId } from 'preact/hooks'
import { t } from '../i18n/text.ts'
import { takeFocus } from './focus.ts'

export interface NewPasswordProps {
  password: string
  repeated: string
  fault: 'too_short' | 'not_equal' | null
  leastLength: number
  shown?: boolean
  autoFocus?: boolean
  onChange: (password: string, repeated: string) => void
}

export function NewPassword({ password, repeated, fault, leastLength, shown = false, autoFocus = false, onChange }: NewPasswordProps) {
  const text = t().login
  const id = useId()
  const short = fault === 'too_short'
  return (
    <>
      <div class="field">
        <label class="name" for={`${id}p`}>{text.newPassword}</label>
        <Secret id={`${id}p`} shown={shown} autoFocus={autoFocus} value={password} invalid={short} describedBy={`${id}h`} onInput={(value) => onChange(value, repeated)} />
        <p id={`${id}h`} class={short ? 'wrong' : 'hint'} role={short ? 'alert' : undefined}>{short ? text.tooShort(leastLength) : text.passwordHint(leastLength)}</p>
      </div>
      <div class="field">
        <label class="name" for={`${id}r`}>{text.repeatPassword}</label>
        <Secret id={`${id}r`} shown={shown} autoFocus={false} value={repeated} invalid={fault === 'not_equal'} describedBy={`${id}n`} onInput={(value) => onChange(password, value)} />
        <p id={`${id}n`} class="wrong" role="alert">{fault === 'not_equal' && text.notEqual}</p>
      </div>
    </>
  )
}

interface SecretProps { id: string; shown: boolean; autoFocus: boolean; value: string; invalid: boolean; describedBy: string; onInput: (value: string) => void }

function Secret({ id, shown, autoFocus, value, invalid, describedBy, onInput }: SecretProps) {
  const common = {
    id, class: 'input', autocomplete: 'new-password', ref: autoFocus ? takeFocus : null, value, 'aria-invalid': invalid, 'aria-describedby': describedBy,
    onInput: (event: { currentTarget: HTMLInputElement }) => onInput(event.currentTarget.value),
  } as const
  return shown ? <input type="text" {...common} /> : <input type="password" {...common} />
}
