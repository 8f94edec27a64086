// The language of the page. `t()` is the catalogue in use: reading it inside a component subscribes the component, so
// a switch of language redraws at once. Sentences with values are functions; a key that one catalogue lacks does not
// compile (see `Catalogue`). Nothing here formats dates and numbers: that is format.ts.

import { computed, effect, signal } from '@preact/signals'
import { en } from './en.ts'
import { zh } from './zh.ts'

export type Language = 'en' | 'zh'

/** The shape of the English catalogue with its literal strings widened: what every other catalogue must fill. */
export type Catalogue = Widened<typeof en>
type Widened<T> = T extends string
  ? string
  : T extends (...values: infer V) => string
    ? (...values: V) => string
    : { readonly [K in keyof T]: Widened<T[K]> }

export const LANGUAGES: ReadonlyArray<{ id: Language; name: string }> = [
  { id: 'en', name: 'English' },
  { id: 'zh', name: '中文' },
]

const CATALOGUES: Record<Language, Catalogue> = { en, zh }
const STORAGE_KEY = 'sammed.language'

/** The language to start with: the stored choice, else the browser's first language that we speak, else English. */
export function chooseLanguage(stored: string | null, preferred: readonly string[]): Language {
  const isOurs = (id: string | undefined): id is Language => LANGUAGES.some((language) => language.id === id)
  if (isOurs(stored ?? undefined)) return stored as Language
  for (const tag of preferred) {
    const primary = tag.toLowerCase().split('-')[0]
    if (isOurs(primary)) return primary
  }
  return 'en'
}

export const language = signal<Language>('en')
const catalogue = computed(() => CATALOGUES[language.value])

export const t = (): Catalogue => catalogue.value

/** Reads the stored choice and keeps storage and <html lang> in step with it. Called once by main.tsx. */
export function startLanguage(): void {
  language.value = chooseLanguage(localStorage.getItem(STORAGE_KEY), navigator.languages)
  effect(() => {
    document.documentElement.lang = language.value
    localStorage.setItem(STORAGE_KEY, language.value)
  })
}
