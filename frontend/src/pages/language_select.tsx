// The choice of language.

import { LANGUAGES, chooseCatalogue, language, t, type Language } from '../i18n/text.ts'

export function LanguageSelect({ id, quiet = false }: { id?: string; quiet?: boolean }) {
  return (
    <select id={id} class={quiet ? 'select quiet' : 'select'} aria-label={t().account.language} value={language.value}
      onChange={(event) => void chooseCatalogue(event.currentTarget.value as Language)}>
      {LANGUAGES.map(({ id: value, name }) => <option key={value} value={value} lang={value}>{name}</option>)}
    </select>
  )
}
