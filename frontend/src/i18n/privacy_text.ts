// Texts about de-identification, apart from the main catalogue, so that the annotate page does not load them.

import { privacyEn } from './privacy_en.ts'
import { privacyZh } from './privacy_zh.ts'
import { language, type Language } from './text.ts'

export type PrivacyTexts = Widened<typeof privacyEn>
type Widened<T> = T extends string ? string : { readonly [K in keyof T]: Widened<T[K]> }

const PRIVACY: Record<Language, PrivacyTexts> = { en: privacyEn, zh: privacyZh }

/** The texts in the language of the page; reading it in a component subscribes the component. */
export const privacy = (): PrivacyTexts => PRIVACY[language.value]
