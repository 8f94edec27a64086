// The list of labels under edit: colour, name, key, code, and the two ways to add one. Used when a project is made; the
// labels of an existing project are edited one by one in project_labels.tsx with the same row.

import { useRef } from 'preact/hooks'
import type { CodedConcept } from '../api/types.ts'
import { language, t } from '../i18n/text.ts'
import { AnatomySearch } from './anatomy_search.tsx'
import { Icon } from './icon.tsx'
import { draftByHand, draftFromAnatomy, withShortcut, type LabelDraft } from './label_drafts.ts'
import { LABEL_PALETTE } from './palette.ts'

export interface LabelEditorProps {
  drafts: readonly LabelDraft[]
  onChange: (drafts: LabelDraft[]) => void
}

export function LabelEditor({ drafts, onChange }: LabelEditorProps) {
  const lastKey = useRef(0)
  const text = t().labels
  const nextKey = () => (lastKey.current += 1)
  const change = (index: number, part: Partial<LabelDraft>) =>
    onChange(drafts.map((draft, at) => (at === index ? { ...draft, ...part } : draft)))
  return (
    <div class="label-editor">
      <div class="label-add">
        <AnatomySearch
          onAnatomy={(anatomy) => onChange([...drafts, { ...draftFromAnatomy(anatomy, language.value, drafts), key: nextKey() }])}
          onOwn={(name) => onChange([...drafts, { ...draftByHand(name, drafts), key: nextKey() }])} />
        <button type="button" class="button" onClick={() =>
          onChange([...drafts, { ...draftByHand(text.ownName(drafts.length + 1), drafts), key: nextKey() }])}>
          <Icon name="plus" />{text.own}
        </button>
      </div>
      <ul class="label-rows">
        {drafts.map((draft, index) => (
          <li key={draft.key} class="label-row">
            <LabelFields label={draft} onColor={(color) => change(index, { color })} onName={(name) => change(index, { name })}
              onShortcut={(shortcut) => onChange(withShortcut(drafts, index, shortcut))} />
            <button type="button" class="icon-button" aria-label={text.remove(draft.name)} title={text.remove(draft.name)}
              onClick={() => onChange(drafts.filter((_, at) => at !== index))}>
              <Icon name="trash" />
            </button>
          </li>
        ))}
      </ul>
      <PaletteList />
    </div>
  )
}

interface LabelFieldsProps {
  label: { readonly name: string; readonly color: string; readonly code?: CodedConcept | null; readonly shortcut?: string | null }
  onColor: (color: string) => void
  onName: (name: string) => void
  onShortcut: (shortcut: string | null) => void
  disabled?: boolean
}

/** Colour, name, key and code of one label. */
export function LabelFields({ label, onColor, onName, onShortcut, disabled = false }: LabelFieldsProps) {
  const text = t().labels
  return (
    <>
      <input type="color" value={label.color} list="label-palette" aria-label={text.colour(label.name)} title={text.colour(label.name)}
        disabled={disabled} onChange={(event) => onColor(event.currentTarget.value)} />
      <input class="input" value={label.name} aria-label={text.name} disabled={disabled} maxLength={64}
        onChange={(event) => onName(event.currentTarget.value)} />
      <select class="select" aria-label={text.shortcut(label.name)} title={text.shortcut(label.name)} value={label.shortcut ?? ''} disabled={disabled}
        onChange={(event) => onShortcut(event.currentTarget.value || null)}>
        <option value="">{text.noShortcut}</option>
        {Array.from('123456789', (digit) => <option key={digit} value={digit}>{digit}</option>)}
      </select>
      <code class="label-code faint ellipsis" title={label.code?.meaning}>
        {label.code ? `${label.code.scheme} ${label.code.value}` : text.noCode}
      </code>
    </>
  )
}

/** The default colours, offered by the browser's colour picker. Once per page that shows LabelFields. */
export function PaletteList() {
  return <datalist id="label-palette">{LABEL_PALETTE.map((color) => <option key={color} value={color} />)}</datalist>
}
