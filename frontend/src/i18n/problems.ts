// What the server says in English, in the language of the page: by the code of a problem, as far as a catalogue has it.

import { t } from './text.ts'

interface Said { readonly code: string; readonly title?: string; readonly detail: string; readonly hint?: string | null | undefined }

/** The problem with title, reason and way out in the language of the page; as it came where no text is known. */
export function inPageLanguage<T extends Said>(problem: T): T {
  const words = t().problems[problem.code]
  if (!words) return problem
  const [title, detail, hint] = words
  return { ...problem, title, detail: detail ?? problem.detail, hint: hint ?? problem.hint }
}
