// Texts about data out and in, apart from the main catalogue, so that the annotate page does not load them.

import { exchangeEn } from './exchange_en.ts'
import { exchangeZh } from './exchange_zh.ts'
import { language, type Language } from './text.ts'

export type ExchangeTexts = Widened<typeof exchangeEn>
type Widened<T> = T extends string
  ? string
  : T extends (...values: infer V) => string
    ? (...values: V) => string
    : { readonly [K in keyof T]: Widened<T[K]> }

const EXCHANGE: Record<Language, ExchangeTexts> = { en: exchangeEn, zh: exchangeZh }

/** The texts in the language of the page; reading it in a component subscribes the component. */
export const exchange = (): ExchangeTexts => EXCHANGE[language.value]
