// Which slice to look at next. Pure. The rule lives here and not at the server, since only the page knows what was drawn and
// decided a moment ago, also without a connection.

export interface Progress {
  /** The visible slice. */
  readonly current: number
  /** Slices with a mask of the label, ascending. */
  readonly annotated: readonly number[]
  /** Open suggestions: slice -> confidence, 0..1. */
  readonly open: ReadonlyMap<number, number>
  /** Slices of which a person said that the label is not there. */
  readonly absent: ReadonlySet<number>
}

/** Open suggestions from least to most certain, the lower slice first where they are equal. */
export function leastCertainFirst(open: ReadonlyMap<number, number>): readonly number[] {
  return [...open].toSorted(([a, sureA], [b, sureB]) => sureA - sureB || a - b).map(([slice]) => slice)
}

/** The one after the visible slice in the order from least to most certain, from the beginning again after the last. */
export function nextLeastCertain({ current, open }: Progress): number | null {
  const order = leastCertainFirst(open)
  const next = order[(order.indexOf(current) + 1) % order.length]
  return next === undefined || next === current ? null : next
}

/** Where a label would help most: the least certain suggestion elsewhere, else the empty slice between annotated ones that
 *  is farthest from all of them. */
export function nextUseful(progress: Progress): number | null {
  const { current, annotated, open } = progress
  const unsure = leastCertainFirst(open).find((slice) => slice !== current)
  if (unsure !== undefined) return unsure
  let best: number | null = null, most = 0, above = 0
  for (const slice of emptyBetween(progress)) { // ascending, as `annotated` is
    while (annotated[above] < slice) above++
    const distance = Math.min(annotated[above] - slice, slice - annotated[above - 1])
    if (slice !== current && distance > most) [best, most] = [slice, distance]
  }
  return best
}

/** Slices between annotated ones that have no mask, no suggestion, and of which nobody said that they are empty. */
export function emptyBetween({ annotated, open, absent }: Omit<Progress, 'current'>): readonly number[] {
  const drawn = new Set(annotated)
  const found: number[] = []
  for (let slice = annotated[0] + 1; slice < annotated[annotated.length - 1]; slice++) {
    if (!drawn.has(slice) && !open.has(slice) && !absent.has(slice)) found.push(slice)
  }
  return found
}
