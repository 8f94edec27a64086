// Slices as people type them, "3, 7-12" counted from 1, and as the server counts them, from 0.

/** Sorted, each once; null when it cannot be read or a slice is 0. Empty: none. */
export function parseSlices(text: string): number[] | null {
  const found = new Set<number>()
  for (const part of text.split(/[\s,;，、]+/).filter(Boolean)) {
    const [, first, last] = /^(\d{1,6})(?:[-–~](\d{1,6}))?$/.exec(part) ?? []
    if (first === undefined) return null
    const [from, to] = [Number(first), Number(last ?? first)]
    if (from < 1 || to < from) return null
    for (let slice = from; slice <= to; slice += 1) found.add(slice - 1)
  }
  return [...found].sort((a, b) => a - b)
}

/** "3, 7-12" of slices counted from 0, sorted. */
export function sliceWords(slices: readonly number[]): string {
  const runs: [number, number][] = []
  for (const slice of slices) {
    const last = runs.at(-1)
    if (last && last[1] === slice) last[1] = slice + 1
    else runs.push([slice + 1, slice + 1])
  }
  return runs.map(([from, to]) => (from === to ? `${from}` : `${from}-${to}`)).join(', ')
}
