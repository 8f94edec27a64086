// Labels while a person is writing them: making a draft from the catalogue or by hand, checking a list of drafts,
// turning them into what the server takes. Pure; the editor is label_editor.tsx.

import type { LabelIn } from '../api/project_types.ts'
import type { CodedConcept, Label } from '../api/types.ts'
import type { Language } from '../i18n/text.ts'
import type { Anatomy } from './anatomy.ts'
import { colorDistance, LOOKS_ALIKE, nextColor, nextShortcut } from './palette.ts'

export interface LabelDraft {
  /** Identifies the row while editing; the server makes the real id. */
  readonly key: number
  readonly name: string
  readonly color: string
  readonly code: CodedConcept | null
  readonly shortcut: string | null
  readonly group: string
}

type Existing = ReadonlyArray<{ readonly name: string; readonly color: string; readonly shortcut?: string | null }>

/** A draft for a structure of the catalogue. Its customary colour is kept unless another label looks much like it (many
    organs are customarily brown): then it gets a colour of the palette. */
export function draftFromAnatomy(anatomy: Anatomy, language: Language, existing: Existing): Omit<LabelDraft, 'key'> {
  const taken = existing.some((label) => colorDistance(label.color, anatomy.color) < LOOKS_ALIKE)
  return {
    name: anatomy.names[language],
    color: taken ? nextColor(existing.map((label) => label.color)) : anatomy.color,
    code: anatomy.code,
    group: anatomy.group[language],
    shortcut: nextShortcut(existing.map((label) => label.shortcut)),
  }
}

export function draftByHand(name: string, existing: Existing): Omit<LabelDraft, 'key'> {
  return {
    name,
    color: nextColor(existing.map((label) => label.color)),
    code: null,
    group: '',
    shortcut: nextShortcut(existing.map((label) => label.shortcut)),
  }
}

export type DraftFault = { readonly kind: 'nameless' } | { readonly kind: 'twice'; readonly name: string }

export function faultOfDrafts(drafts: ReadonlyArray<{ readonly name: string }>): DraftFault | null {
  const seen = new Set<string>()
  for (const { name } of drafts) {
    const key = name.trim().toLowerCase()
    if (key === '') return { kind: 'nameless' }
    if (seen.has(key)) return { kind: 'twice', name: name.trim() }
    seen.add(key)
  }
  return null
}

/** Gives `shortcut` to one label; another label that had it loses it. */
export function withShortcut<T extends Pick<Label, 'shortcut'>>(labels: readonly T[], index: number, shortcut: string | null): T[] {
  return labels.map((label, at) => {
    if (at === index) return { ...label, shortcut }
    return shortcut !== null && label.shortcut === shortcut ? { ...label, shortcut: null } : label
  })
}

export function toLabelIn({ name, color, code, shortcut, group }: Omit<LabelDraft, 'key'>): LabelIn {
  return { name: name.trim(), color, code, shortcut, group }
}
