// A project's windows with another one to open volumes with. Pure.
import type { WindowLevel, WindowPreset } from '../annotate/annotator.ts'
import type { ProjectWindows } from '../api/project_types.ts'

/** `offered`: the volume's windows, as it has them now. One of them is named; another window becomes a preset of the
 *  project by the name `own`, in place of an earlier one. */
export function withFirst(
  before: ProjectWindows, modality: string, { width, center }: WindowLevel, offered: readonly WindowPreset[], own: string,
): { readonly windows: ProjectWindows; readonly name: string } {
  const known = offered.find((preset) => preset.name !== '' && preset.width === width && preset.center === center)
  const presets = before[modality]?.presets ?? []
  const name = known?.name ?? own
  const kept = known ? presets : [...presets.filter((preset) => preset.name !== own), { name: own, width, center }]
  return { windows: { ...before, [modality]: { first: name, presets: kept } }, name }
}
