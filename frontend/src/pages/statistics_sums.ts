// Sums of the statistics that the page shows, over people or labels, and the days between the first and the last.

import type { ProjectStatistics, WorkRow } from '../api/project_types.ts'

export interface Sum {
  readonly id: string
  readonly name: string
  readonly cases: number
  readonly slices: number
  readonly seconds: number
  readonly clicks: number
  readonly strokes: number
  /** Slices that a model drew, and of these how many were changed by hand afterwards. */
  readonly byModel: number
  readonly edits: number
  /** Slices that were submitted, and the actions on them until the mask was nearly what was submitted. */
  readonly submitted: number
  readonly actionsUntilNearly: number
}

/** Work summed by person or by label, the most time first. `counted`: how many cases each has. */
export function sumBy(work: readonly WorkRow[], key: 'person' | 'label', counted: ProjectStatistics['people']): Sum[] {
  const cases = new Map(counted.map(({ id, cases }) => [id, cases]))
  const sums = new Map<string, Sum>()
  for (const row of work) {
    const { id, name } = row[key]
    const old = sums.get(id) ?? {
      id, name, cases: cases.get(id) ?? 0, slices: 0, seconds: 0, clicks: 0, strokes: 0, byModel: 0, edits: 0, submitted: 0, actionsUntilNearly: 0,
    }
    sums.set(id, {
      ...old,
      slices: old.slices + row.slices,
      seconds: old.seconds + row.seconds,
      clicks: old.clicks + row.clicks + row.boxes,
      strokes: old.strokes + row.strokes,
      byModel: old.byModel + row.slices_by_model,
      edits: old.edits + row.edits_after_model,
      submitted: old.submitted + (row.effort?.slices ?? 0),
      actionsUntilNearly: old.actionsUntilNearly + (row.effort?.actions_until_nearly ?? 0),
    })
  }
  return [...sums.values()].toSorted((a, b) => b.seconds - a.seconds || b.slices - a.slices)
}

const DAY_MS = 86_400_000

/** Every day from the first to the last that has a number, the days without one included; the newest `most` of them. */
export function everyDay(days: ProjectStatistics['days'], most: number): ProjectStatistics['days'] {
  if (days.length === 0) return []
  const known = new Map(days.map((day) => [day.day, day]))
  const last = Date.parse(days.at(-1)!.day)
  const first = Math.max(Date.parse(days[0].day), last - (most - 1) * DAY_MS)
  const count = Math.round((last - first) / DAY_MS) + 1
  return Array.from({ length: count }, (_, n) => {
    const day = new Date(first + n * DAY_MS).toISOString().slice(0, 10)
    return known.get(day) ?? { day, submitted: 0, accepted: 0 }
  })
}
