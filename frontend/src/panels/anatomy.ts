// The anatomy catalogue: what a label usually is, with the display colour that segmentation programs agree on (the
// generic anatomy colours) and its SNOMED CT code, so that exports say what was outlined. Names per language.
// The search in it; the data is anatomy_catalogue.json, the editor that uses it label_editor.tsx.

import type { CodedConcept } from '../api/types.ts'
import GROUPS from './anatomy_catalogue.json' with { type: 'json' }

export interface Anatomy {
  names: { en: string; zh: string }
  group: { en: string; zh: string }
  color: string
  code: CodedConcept
}

/** [English, Chinese, colour, SNOMED CT code of the type, code meaning, other words to find it by]; the category of a
    group is the one that DICOM segmentations write beside the type. */
type Row = readonly string[]

const ROWS: ReadonlyArray<{ group: Anatomy['group']; row: Row }> =
  GROUPS.flatMap(({ group, entries }) => entries.map((row) => ({ group, row })))

export const ANATOMY: readonly Anatomy[] = ROWS.map(({ group, row: [en, zh, color, value, meaning] }) => ({
  names: { en, zh }, group, color, code: { scheme: 'SCT', value, meaning },
}))

const HAYSTACKS: readonly string[] = ROWS.map(({ group, row: [en, zh, , sct, meaning, words] }) =>
  [en, zh, sct, meaning, words, group.en, group.zh].join(' ').toLowerCase())

/** Structures in which every word of the query starts a word (or occurs, for scripts without spaces), best first:
    names that begin with the query come before others. An empty query gives the whole catalogue. */
export function searchAnatomy(query: string): readonly Anatomy[] {
  const words = query.trim().toLowerCase().split(/\s+/).filter(Boolean)
  if (words.length === 0) return ANATOMY
  const matches = (haystack: string) => words.every((word) =>
    /^[\x20-\x7e]+$/.test(word) ? ` ${haystack}`.includes(` ${word}`) : haystack.includes(word))
  const found = ANATOMY.filter((_, index) => matches(HAYSTACKS[index]!))
  const startsWithQuery = (item: Anatomy) =>
    Object.values(item.names).some((name) => name.toLowerCase().startsWith(words[0]!))
  return [...found.filter(startsWithQuery), ...found.filter((item) => !startsWithQuery(item))]
}
