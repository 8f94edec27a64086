// The texts of the evaluation tab in the language of the page. Reading them inside a component subscribes it.

import { evaluationEn, type EvaluationTexts } from './evaluation_en.ts'
import { language, type Language } from './text.ts'
import { evaluationZh } from './evaluation_zh.ts'

export const EVALUATION_TEXTS: Readonly<Record<Language, EvaluationTexts>> = { en: evaluationEn, zh: evaluationZh }

export const evaluationTexts = (): EvaluationTexts => EVALUATION_TEXTS[language.value]
