// Sums of the statistics that the page shows, over people or labels, and the days between the first and the last.

import type { ProjectStatistics, WorkRow } from '../api/project_types.ts'

export interface Sum {
  readonly id: string
  readonly name: string
  readonly slices: number
  readonly seconds: number
  readonly clicks: number
  readonly strokes: number
  readonly edits: number
}

/** Work summed by person or by label, the most time first. */
export function sumBy(work: readonly WorkRow[], key: 'person' | 'label'): Sum[] {
  const sums = new Map<string, Sum>()
  for (const row of work) {
    const { id, name } = row[key]
    const old = sums.get(id) ?? { id, name, slices: 0, seconds: 0, clicks: 0, strokes: 0, edits: 0 }
    sums.set(id, {
      ...old,
      slices: old.slices + row.slices,
      seconds: old.seconds + row.seconds,
      clicks: old.clicks + row.clicks + row.boxes,
      strokes: old.strokes + row.strokes,
      edits: old.edits + row.edits_after_model,
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
