// Texts of the pages about people and their work: apart from the main catalogue, so that the annotate page, which opens
// before it needs any of them, does not load them.

import { teamEn } from './team_en.ts'
import { teamZh } from './team_zh.ts'
import { language, type Language } from './text.ts'

export type TeamTexts = Widened<typeof teamEn>
type Widened<T> = T extends string
  ? string
  : T extends (...values: infer V) => string
    ? (...values: V) => string
    : { readonly [K in keyof T]: Widened<T[K]> }

const TEAM: Record<Language, TeamTexts> = { en: teamEn, zh: teamZh }

/** The texts in the language of the page; reading it in a component subscribes the component. */
export const team = (): TeamTexts => TEAM[language.value]
