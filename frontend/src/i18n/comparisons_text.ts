// The texts of blinded comparisons in the language of the page. Reading them inside a component subscribes it.

import { comparisonsEn, type ComparisonsTexts } from './comparisons_en.ts'
import { comparisonsZh } from './comparisons_zh.ts'
import { language, type Language } from './text.ts'

export const COMPARISON_TEXTS: Readonly<Record<Language, ComparisonsTexts>> = { en: comparisonsEn, zh: comparisonsZh }

export const comparisonTexts = (): ComparisonsTexts => COMPARISON_TEXTS[language.value]
