// Texts about the windows of a project, apart from the main catalogue, so that the annotate page does not load them.

import { language, type Language } from './text.ts'
import { windowsEn } from './windows_en.ts'
import { windowsZh } from './windows_zh.ts'

export type WindowsTexts = Widened<typeof windowsEn>
type Widened<T> = T extends string
  ? string
  : T extends (...values: infer V) => string
    ? (...values: V) => string
    : { readonly [K in keyof T]: Widened<T[K]> }

const WINDOWS: Record<Language, WindowsTexts> = { en: windowsEn, zh: windowsZh }

/** The texts in the language of the page; reading it in a component subscribes the component. */
export const windows = (): WindowsTexts => WINDOWS[language.value]
