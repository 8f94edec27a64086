// Cases finished day by day: two bars a day, counts on the left, dates below.

import type { ProjectStatistics } from '../api/project_types.ts'
import { formatDate, formatNumber } from '../i18n/format.ts'
import { team } from '../i18n/team.ts'
import { language } from '../i18n/text.ts'

const HEIGHT = 120
const BAR = 14
const STEP = 40
const LEFT = 36
const DATE_STEPS = 2 // a date is as wide as two days

/** The numbers are in the table behind the picture, for those who do not see it. */
export function DayChart({ days }: { days: ProjectStatistics['days'] }) {
  const text = team().statistics
  const most = Math.max(...days.flatMap((day) => [day.submitted, day.accepted]), 1)
  const width = LEFT + Math.max(days.length, DATE_STEPS) * STEP
  const tall = (count: number) => (count / most) * (HEIGHT - 16)
  const date = (day: string) => formatDate(`${day}T12:00:00`, language.value, new Date())
  return (
    <section class="card pad">
      <h2>{text.byDay}</h2>
      <p class="day-legend soft"><span class="swatch submitted" />{text.submitted}<span class="swatch accepted" />{text.accepted}</p>
      <div class="day-chart">
        <svg width={width} height={HEIGHT + 20} role="img" aria-label={text.byDay}>
          {countsUpTo(most).map((count) => (
            <g key={count} transform={`translate(0 ${HEIGHT - tall(count)})`}>
              <line class={count === 0 ? 'ground' : undefined} x1={LEFT} x2={width} />
              <text class="count" x={LEFT - 8} y={4}>{formatNumber(count, language.value, 0)}</text>
            </g>
          ))}
          {days.map((day, n) => (
            <g key={day.day} transform={`translate(${LEFT + n * STEP} 0)`}>
              <title>{`${date(day.day)}: ${text.submitted} ${day.submitted}, ${text.accepted} ${day.accepted}`}</title>
              <rect class="submitted" x={4} y={HEIGHT - tall(day.submitted)} width={BAR} height={tall(day.submitted)} />
              <rect class="accepted" x={BAR + 6} y={HEIGHT - tall(day.accepted)} width={BAR} height={tall(day.accepted)} />
              {n % DATE_STEPS === 0 && <text x={4} y={HEIGHT + 16}>{date(day.day)}</text>}
            </g>
          ))}
        </svg>
      </div>
      <table class="visually-hidden">
        <thead><tr><th scope="col">{text.byDay}</th><th scope="col">{text.submitted}</th><th scope="col">{text.accepted}</th></tr></thead>
        <tbody>{days.map((day) => <tr key={day.day}><th scope="row">{date(day.day)}</th><td>{day.submitted}</td><td>{day.accepted}</td></tr>)}</tbody>
      </table>
    </section>
  )
}

/** 0 and a few whole counts up to the largest, equally far apart. */
function countsUpTo(most: number): number[] {
  const step = Math.ceil(most / 4)
  return Array.from({ length: Math.floor(most / step) + 1 }, (_, n) => n * step)
}
