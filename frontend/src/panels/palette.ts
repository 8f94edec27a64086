// Colours for new labels. The order is chosen so that the first colours stay apart for the common forms of colour
// blindness and on a grey picture (hues of the Okabe and Ito set, lightened where black would swallow them, then four more).

export const LABEL_PALETTE = [
  '#e69f00', // orange
  '#56b4e9', // sky blue
  '#00a878', // bluish green
  '#f0e442', // yellow
  '#d55e00', // vermilion
  '#cc79a7', // reddish purple
  '#4d8fd6', // blue
  '#b8e186', // light green
  '#b39ddb', // lavender
  '#f4a6a0', // salmon
  '#8dd3c7', // aqua
  '#c9a66b', // sand
] as const

/** The first palette colour that no label uses yet; when all are used, the one used least. */
export function nextColor(used: readonly string[]): string {
  const counts = new Map<string, number>(LABEL_PALETTE.map((color) => [color, 0]))
  for (const color of used) {
    const key = color.toLowerCase()
    if (counts.has(key)) counts.set(key, counts.get(key)! + 1)
  }
  return [...counts].reduce((best, entry) => (entry[1] < best[1] ? entry : best))[0]
}

/** The lowest digit key "1" to "9" that is free, or null when all nine are taken. */
export function nextShortcut(used: ReadonlyArray<string | null | undefined>): string | null {
  for (let digit = 1; digit <= 9; digit += 1) {
    if (!used.includes(String(digit))) return String(digit)
  }
  return null
}
