// What windows are called: customary ones have a name in every language, others keep theirs.
import { t } from '../../i18n/text.ts'

/** The key of a customary window in the catalogue: "Soft tissue" is soft_tissue. */
export function presetKey(name: string): string {
  return name.toLowerCase().replaceAll(' ', '_')
}

export function presetName({ name, width, center }: { readonly name: string; readonly width: number; readonly center: number }): string {
  const names: Readonly<Record<string, string>> = t().annotate.presetNames
  return names[presetKey(name)] ?? (name || `${width} / ${center}`)
}
