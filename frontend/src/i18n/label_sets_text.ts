// The texts about label sets in the language of the page. Reading them inside a component subscribes it.

import { labelSetsEn } from './label_sets_en.ts'
import { labelSetsZh } from './label_sets_zh.ts'
import { language, type Language } from './text.ts'

export type LabelSetTexts = Widened<typeof labelSetsEn>
type Widened<T> = T extends string
  ? string
  : T extends (...values: infer V) => string
    ? (...values: V) => string
    : { readonly [K in keyof T]: Widened<T[K]> }

export const LABEL_SET_TEXTS: Readonly<Record<Language, LabelSetTexts>> = { en: labelSetsEn, zh: labelSetsZh }

export const labelSetTexts = (): LabelSetTexts => LABEL_SET_TEXTS[language.value]
