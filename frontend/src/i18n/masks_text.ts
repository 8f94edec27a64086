// Texts about taking in masks, apart from the main catalogue, so that the annotate page does not load them.

import { masksEn } from './masks_en.ts'
import { masksZh } from './masks_zh.ts'
import { language, type Language } from './text.ts'

export type MasksTexts = Widened<typeof masksEn>
type Widened<T> = T extends string
  ? string
  : T extends (...values: infer V) => string
    ? (...values: V) => string
    : { readonly [K in keyof T]: Widened<T[K]> }

const MASKS: Record<Language, MasksTexts> = { en: masksEn, zh: masksZh }

/** The texts in the language of the page; reading it in a component subscribes the component. */
export const masksText = (): MasksTexts => MASKS[language.value]
