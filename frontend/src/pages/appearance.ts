// Dark or light pages. Dark unless chosen otherwise; pictures are on black in both.

import { effect, signal } from '@preact/signals'

export type Appearance = 'dark' | 'light'
const STORAGE_KEY = 'sammed.appearance'

export const appearance = signal<Appearance>('dark')

/** Reads the stored choice and keeps storage and the document in step with it. Called once by main.tsx. */
export function startAppearance(): void {
  if (localStorage.getItem(STORAGE_KEY) === 'light') appearance.value = 'light'
  effect(() => {
    document.documentElement.dataset['theme'] = appearance.value
    localStorage.setItem(STORAGE_KEY, appearance.value)
  })
}
