// The key of a customary window in the catalogue: "Soft tissue" is soft_tissue.

export function presetKey(name: string): string {
  return name.toLowerCase().replaceAll(' ', '_')
}
