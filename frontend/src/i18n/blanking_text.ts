// Texts about text burned into pixels, apart from the main catalogue, so that they are loaded where images are at risk.

import { blankingEn } from './blanking_en.ts'
import { blankingZh } from './blanking_zh.ts'
import { language, type Language } from './text.ts'

export type BlankingTexts = Widened<typeof blankingEn>
type Widened<T> = T extends string ? string : T extends (...args: infer A) => string ? (...args: A) => string : { readonly [K in keyof T]: Widened<T[K]> }

const BLANKING: Record<Language, BlankingTexts> = { en: blankingEn, zh: blankingZh }

/** The texts in the language of the page; reading it in a component subscribes the component. */
export const blanking = (): BlankingTexts => BLANKING[language.value]
