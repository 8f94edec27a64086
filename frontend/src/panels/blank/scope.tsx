// Where rectangles are made blank, and the question that is asked once, because it cannot be undone.

import { blanking } from '../../i18n/blanking_text.ts'
import { Dialog } from '../dialog.tsx'

export type BlankScope = 'slice' | 'volume' | 'case'

export function ScopeChoice({ value, slices, alike, onChange }: { value: BlankScope; slices: number; alike: number; onChange: (scope: BlankScope) => void }) {
  const text = blanking()
  const choices: ReadonlyArray<readonly [BlankScope, string]> = [
    ...(slices > 1 ? [['slice', text.scopes.slice] as const] : []),
    ['volume', slices > 1 ? text.scopes.volume(slices) : text.scopes.slice],
    ...(alike > 1 ? [['case', text.scopes.case(alike)] as const] : []),
  ]
  if (choices.length < 2) return null
  return (
    <fieldset class="blank-scope">
      <legend>{text.where}</legend>
      {choices.map(([scope, label]) => (
        <label key={scope} class="check"><input type="radio" name="scope" checked={value === scope} onChange={() => onChange(scope)} />{label}</label>
      ))}
    </fieldset>
  )
}

export function ConfirmBlank({ onYes, onNo }: { onYes: () => void; onNo: () => void }) {
  const text = blanking()
  return (
    <Dialog title={text.confirmTitle} onClose={onNo} footer={
      <>
        <button type="button" class="button" onClick={onNo}>{text.cancel}</button>
        <button type="button" class="button danger" onClick={onYes}>{text.confirmYes}</button>
      </>
    }>
      <p>{text.confirm}</p>
    </Dialog>
  )
}
