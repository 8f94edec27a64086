// Where the segments of mask files go, as chosen on the page: pure functions between what a dry run found and what an
// import is asked.

import type { FoundSegment, MaskFileOutcome, MaskNeed, SegmentTarget } from '../api/mask_types.ts'

/** A label's id, a label to make, or nothing. */
export const NEW = 'new'
export const NOWHERE = ''
export type Choice = string

export type Choices = ReadonlyMap<string, Choice>

/** What new labels are to be called, where that is not what the file says. */
export type Names = ReadonlyMap<string, string>

export const keyOf = (file: number, segment: number): string => `${file}/${segment}`

/** What is proposed: the label that matches, else for who may make labels a new one, unless the segment is empty. */
export function proposed(files: readonly MaskFileOutcome[], mayMakeLabels: boolean): Choices {
  const choices = new Map<string, Choice>()
  for (const { file, segment } of segmentsOf(files)) {
    choices.set(keyOf(file, segment.number), segment.label_id ?? (mayMakeLabels && segment.slices > 0 ? NEW : NOWHERE))
  }
  return choices
}

/** Whether a new label would have no name. */
export function isNameless(choices: Choices, names: Names): boolean {
  return [...names].some(([key, name]) => choices.get(key) === NEW && name.trim() === '')
}

export function targetsOf(files: readonly MaskFileOutcome[], choices: Choices, names: Names): SegmentTarget[] {
  return segmentsOf(files).map(({ file, segment }) => {
    const key = keyOf(file, segment.number)
    const choice = choices.get(key) ?? NOWHERE
    const target = { file, segment: String(segment.number) }
    if (choice === NOWHERE) return target
    return choice === NEW ? { ...target, new_label: { ...segment.would_be, name: (names.get(key) ?? segment.would_be.name).trim() } } : { ...target, label_id: choice }
  })
}

/** The files of which something is wanted. */
function wanted(files: readonly MaskFileOutcome[], choices: Choices): MaskFileOutcome[] {
  return files.filter(({ file, segments }) => file !== undefined && (segments ?? []).some(({ number }) => (choices.get(keyOf(file, number)) ?? NOWHERE) !== NOWHERE))
}

export function countWanted(choices: Choices): number {
  return [...choices.values()].filter((choice) => choice !== NOWHERE).length
}

/** What still has to be allowed for the files that are wanted. */
export function missing(files: readonly MaskFileOutcome[], choices: Choices, allowed: ReadonlySet<MaskNeed['option']>): MaskNeed[] {
  return wanted(files, choices).flatMap(({ needs }) => needs ?? []).filter(({ option }) => !allowed.has(option))
}

/** Slices that have a mask already, of the segments that still go where they were proposed to. */
export function drawnBefore(files: readonly MaskFileOutcome[], choices: Choices): number {
  return segmentsOf(files)
    .filter(({ file, segment }) => segment.label_id !== null && choices.get(keyOf(file, segment.number)) === segment.label_id)
    .reduce((sum, { segment }) => sum + segment.drawn_before, 0)
}

function segmentsOf(files: readonly MaskFileOutcome[]): Array<{ file: number; segment: FoundSegment }> {
  return files.flatMap(({ file, segments }) => (file === undefined ? [] : (segments ?? []).map((segment) => ({ file, segment }))))
}
