// The texts of the models tab in the language of the page. Reading them inside a component subscribes it.

import { modelsEn, type ModelsTexts } from './models_en.ts'
import { modelsZh } from './models_zh.ts'
import { language, type Language } from './text.ts'

export const MODELS_TEXTS: Readonly<Record<Language, ModelsTexts>> = { en: modelsEn, zh: modelsZh }

export const modelsTexts = (): ModelsTexts => MODELS_TEXTS[language.value]
