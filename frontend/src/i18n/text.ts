// The language of the page. `t()` is the catalogue in use: reading it inside a component subscribes the component, so
// a switch of language redraws at once. Sentences with values are functions; a key that one catalogue lacks does not
// compile (see `Catalogue`). English is always there; other catalogues are fetched when they are chosen. Nothing here
// formats dates and numbers: that is format.ts.

import { batch, signal } from '@preact/signals'
import { en } from './en.ts'

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

const LOAD: Record<Language, () => Promise<Catalogue>> = {
  en: async () => en,
  zh: async () => (await import('./zh.ts')).zh,
}
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
const catalogue = signal<Catalogue>(en)

export const t = (): Catalogue => catalogue.value

/** Fetches the catalogue and switches to it; remembers the choice. */
export async function chooseCatalogue(id: Language): Promise<void> {
  const loaded = await LOAD[id]()
  batch(() => {
    language.value = id
    catalogue.value = loaded
  })
  document.documentElement.lang = id
  localStorage.setItem(STORAGE_KEY, id)
}

/** Called once by main.tsx, before the first render. */
export function startLanguage(): Promise<void> {
  return chooseCatalogue(chooseLanguage(localStorage.getItem(STORAGE_KEY), navigator.languages))
}
