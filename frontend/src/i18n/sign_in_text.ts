// Texts about signing in with an organisation's account, apart from the main catalogue, so that the annotate page does
// not load them.

import { signInEn, type SignInTexts } from './sign_in_en.ts'
import { signInZh } from './sign_in_zh.ts'
import { language, type Language } from './text.ts'

export const SIGN_IN_TEXTS: Readonly<Record<Language, SignInTexts>> = { en: signInEn, zh: signInZh }

/** The texts in the language of the page; reading it in a component subscribes the component. */
export const signInTexts = (): SignInTexts => SIGN_IN_TEXTS[language.value]
