// What the provenance of something learned says. Pure.

/** A slice that was learned from, with the revision that left it so. */
export interface TaughtSlice { readonly volume_id: string; readonly slice: number; readonly revision_id: string }

/** Of a learned prompt's provenance or of a network's description: both list their examples in this form. */
export function examplesOf(learned: { readonly [key: string]: unknown }): readonly TaughtSlice[] {
  return learned.examples as readonly TaughtSlice[]
}

/** As people count: from 1, neighbours joined. [0, 1, 2, 6] -> "1–3, 7" */
export function sliceNumbers(examples: readonly TaughtSlice[]): string {
  const runs: Array<[first: number, last: number]> = []
  for (const slice of examples.map(({ slice }) => slice + 1).toSorted((a, b) => a - b)) {
    const run = runs.at(-1)
    if (run && slice <= run[1] + 1) run[1] = slice
    else runs.push([slice, slice])
  }
  return runs.map(([first, last]) => (first === last ? `${first}` : last === first + 1 ? `${first}, ${last}` : `${first}–${last}`)).join(', ')
}
