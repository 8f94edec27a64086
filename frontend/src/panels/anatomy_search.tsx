// A search field over the anatomy catalogue: type, walk with the arrow keys, Enter takes the structure; a text that the
// catalogue does not know becomes a label of one's own. An ARIA combobox with a list that is always in the same place.

import { useId, useRef, useState } from 'preact/hooks'
import { language, t } from '../i18n/text.ts'
import { searchAnatomy, type Anatomy } from './anatomy.ts'
import { Icon } from './icon.tsx'
import { stepFrom } from './menu.tsx'

export interface AnatomySearchProps {
  onAnatomy: (anatomy: Anatomy) => void
  onOwn: (name: string) => void
  autoFocus?: boolean
}

export function AnatomySearch({ onAnatomy, onOwn, autoFocus = false }: AnatomySearchProps) {
  const [query, setQuery] = useState('')
  const [open, setOpen] = useState(false)
  const [marked, setMarked] = useState(0)
  const list = useRef<HTMLUListElement>(null)
  const id = useId()
  const text = t().labels
  const found = searchAnatomy(query)
  const own = query.trim()

  function take(index: number): void {
    const anatomy = found[index]
    if (anatomy) onAnatomy(anatomy)
    else if (own) onOwn(own)
    else return
    setQuery('')
    setMarked(0)
    setOpen(false)
  }
  function onKeyDown(event: KeyboardEvent): void {
    if (event.key === 'Escape' && open) setOpen(false)
    else if (event.key === 'Enter') {
      if (!open && own === '') return
      take(open ? marked : found.length)
    } else {
      const next = stepFrom(marked, event.key === 'Home' || event.key === 'End' ? '' : event.key, found.length)
      if (next === null) return
      setOpen(true)
      setMarked(open ? next : marked)
      list.current?.children[next]?.scrollIntoView({ block: 'nearest' })
    }
    event.preventDefault()
    event.stopPropagation()
  }
  return (
    <div class="anatomy-search" onFocusOut={(event) => {
      if (!event.currentTarget.contains(event.relatedTarget as Node | null)) setOpen(false)
    }}>
      <div class="search-field">
        <Icon name="search" size={16} />
        <input class="input" role="combobox" aria-expanded={open} aria-controls={`${id}l`} aria-autocomplete="list"
          aria-activedescendant={open && found.length > 0 ? `${id}o${marked}` : undefined} aria-label={text.fromCatalogue}
          placeholder={text.cataloguePlaceholder} autocomplete="off" autoFocus={autoFocus} value={query}
          onInput={(event) => { setQuery(event.currentTarget.value); setMarked(0); setOpen(true) }}
          onClick={() => setOpen(true)} onKeyDown={onKeyDown} />
      </div>
      {open && (
        <div class="anatomy-results">
          <ul id={`${id}l`} ref={list} role="listbox" aria-label={text.fromCatalogue}>
            {found.map((anatomy, index) => (
              <li key={anatomy.code.value} id={`${id}o${index}`} role="option" aria-selected={index === marked}
                onPointerDown={(event) => { event.preventDefault(); take(index) }}>
                <span class="swatch" style={{ background: anatomy.color }} />
                <span>{anatomy.names[language.value]}</span>
                <code class="faint">{anatomy.code.scheme} {anatomy.code.value}</code>
              </li>
            ))}
          </ul>
          {found.length === 0 && <p class="soft">{text.catalogueNone(own)}</p>}
        </div>
      )}
    </div>
  )
}
