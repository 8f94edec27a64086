// Fields of the evaluation form: boxes to tick, one number, a list of numbers.

import { useId, useState } from 'preact/hooks'
import { evaluationTexts } from '../i18n/evaluation_text.ts'
import { parseNumbers } from './evaluation_settings.ts'

export interface ChecksProps<T extends string> {
  legend: string
  options: ReadonlyArray<{ value: T; name: string; color?: string }>
  chosen: readonly T[]
  onChange: (chosen: T[]) => void
}

/** Keeps the order of the options, not that of the ticks. */
export function Checks<T extends string>({ legend, options, chosen, onChange }: ChecksProps<T>) {
  return (
    <fieldset>
      <legend>{legend}</legend>
      <div class="checks">
        {options.map(({ value, name, color }) => (
          <label key={value} class="check">
            <input type="checkbox" checked={chosen.includes(value)}
              onChange={(event) => {
                const on = event.currentTarget.checked
                onChange(options.map((option) => option.value).filter((other) => (other === value ? on : chosen.includes(other))))
              }} />
            {color && <span class="swatch" style={{ background: color }} />}
            {name}
          </label>
        ))}
      </div>
    </fieldset>
  )
}

export interface NumberFieldProps {
  name: string
  hint: string
  value: number | null
  least: number
  most?: number
  /** Empty stands for null; otherwise an empty field is refused by the browser. */
  optional?: boolean
  onChange: (value: number | null) => void
}

export function NumberField({ name, hint, value, least, most, optional = false, onChange }: NumberFieldProps) {
  const id = useId()
  return (
    <div class="field">
      <label class="name" for={id}>{name}</label>
      <input id={id} class="input" type="number" step={1} min={least} max={most} required={!optional} value={value ?? ''} aria-describedby={`${id}h`}
        onInput={(event) => {
          const typed = event.currentTarget
          if (typed.value === '') onChange(null)
          else if (typed.validity.valid) onChange(typed.valueAsNumber)
        }} />
      <p id={`${id}h`} class="hint">{hint}</p>
    </div>
  )
}

export interface NumbersFieldProps {
  name: string
  hint: string
  value: readonly number[]
  onChange: (value: number[]) => void
  /** Whether what is typed can be read. */
  onJudged: (fine: boolean) => void
}

export function NumbersField({ name, hint, value, onChange, onJudged }: NumbersFieldProps) {
  const id = useId()
  const [typed, setTyped] = useState(value.join(', '))
  const fine = parseNumbers(typed) !== null
  return (
    <div class="field">
      <label class="name" for={id}>{name}</label>
      <input id={id} class="input" inputMode="numeric" value={typed} aria-invalid={!fine} aria-describedby={`${id}h`}
        onInput={(event) => {
          const text = event.currentTarget.value
          const numbers = parseNumbers(text)
          setTyped(text)
          onJudged(numbers !== null)
          if (numbers) onChange(numbers)
        }} />
      <p id={`${id}h`} class={fine ? 'hint' : 'wrong'}>{fine ? hint : evaluationTexts().numbersWrong}</p>
    </div>
  )
}
