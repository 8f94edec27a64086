// The windows of one kind of images while they are edited: texts of fields, from what is stored and back. Pure.
import type { ModalityWindows } from '../api/project_types.ts'

export interface WindowDraft {
  /** Name of the window that series are opened with; '': as the series says. */
  readonly first: string
  readonly presets: readonly { readonly name: string; readonly width: string; readonly center: string }[]
}

export const MODALITIES: readonly string[] = ['CT', 'MR', 'PT', 'US', 'CR', 'DX', 'MG', 'XA', 'NM', 'OT']

/** Windows that series of a kind offer by themselves, under the names that the server gives them (imaging/intensity.py). */
const OFFERED: Readonly<Record<string, readonly string[]>> = {
  CT: ['Soft tissue', 'Lung', 'Liver', 'Bone', 'Brain', 'Mediastinum', 'Full range'],
  MR: ['1-99 % of tissue', 'Full range'],
  PT: ['PET', 'Full range'],
}
const OTHERS = ['1-99 %', 'Full range']

export function drafted(windows: ModalityWindows | undefined): WindowDraft {
  const presets = windows?.presets ?? []
  return { first: windows?.first ?? '', presets: presets.map(({ name, width, center }) => ({ name, width: String(width), center: String(center) })) }
}

/** What goes to the server; null: nothing is asked for this kind. */
export function stored({ first, presets }: WindowDraft): ModalityWindows | null {
  if (first === '' && presets.length === 0) return null
  return {
    first: first === '' ? null : first,
    presets: presets.map(({ name, width, center }) => ({ name: name.trim(), width: Number(width), center: Number(center) })),
  }
}

/** What series may be opened with: the project's own windows, then what they offer by themselves, and what is chosen now. */
export function choicesOf(modality: string, { first, presets }: WindowDraft): readonly string[] {
  const names = [...presets.map(({ name }) => name.trim()), ...(OFFERED[modality] ?? OTHERS), first]
  return [...new Set(names.filter((name) => name !== ''))]
}

/** Two windows with one name could not be told apart. */
export function clash({ presets }: WindowDraft): boolean {
  return new Set(presets.map(({ name }) => name.trim())).size < presets.length
}
