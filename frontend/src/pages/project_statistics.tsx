// How much work the project was: sums, time by person and by label, cases finished day by day; as CSV and JSON too.

import type { Project, ProjectStatistics as Statistics } from '../api/project_types.ts'
import { formatDate, formatNumber } from '../i18n/format.ts'
import { team } from '../i18n/team.ts'
import { language } from '../i18n/text.ts'
import { Icon } from '../panels/icon.tsx'
import { ProblemNotice } from '../panels/problem_notice.tsx'
import { TableSkeleton } from '../panels/skeleton.tsx'
import { useApp } from './app_state.ts'
import { ReaderAgreement } from './reader_agreement.tsx'
import { everyDay, sumBy, type Sum } from './statistics_sums.ts'
import { useLoaded } from './use_loaded.ts'

const MOST_DAYS = 60

export function ProjectStatistics({ project }: { project: Project }) {
  const { api } = useApp()
  const text = team().statistics
  const path = `/api/projects/${project.id}/statistics`
  const found = useLoaded<Statistics>((signal) => api.get(path, { signal }), [path])
  if (found.problem) return <ProblemNotice problem={found.problem} onRetry={found.reload} />
  if (!found.value) return <TableSkeleton rows={4} />
  const { work, days } = found.value
  const people = sumBy(work, 'person')
  const labels = sumBy(work, 'label')
  const total = (name: 'slices' | 'seconds' | 'clicks' | 'edits') => people.reduce((sum, row) => sum + row[name], 0)
  if (work.length === 0 && days.length === 0) {
    return <div class="empty card"><Icon name="history" size={40} /><h2>{text.emptyTitle}</h2><p>{text.emptyDetail}</p></div>
  }
  const { submitted = 0, accepted = 0 } = project.counts.by_state
  return (
    <div class="stack">
      <dl class="tiles">
        <Tile name={text.finished} value={`${submitted + accepted} / ${project.counts.cases}`} />
        <Tile name={text.time} value={text.duration(total('seconds'))} />
        <Tile name={text.slices} value={number(total('slices'))} />
        <Tile name={text.clicks} value={number(total('clicks'))} />
        <Tile name={text.edits} value={number(total('edits'))} hint={text.editsHint} />
      </dl>
      <WorkTable title={text.byPerson} first={text.person} rows={people} />
      <WorkTable title={text.byLabel} first={text.label} rows={labels} colors={new Map(project.labels.map(({ id, color }) => [id, color]))} />
      <ReaderAgreement project={project} />
      {days.length > 0 && <Days days={everyDay(days, MOST_DAYS)} />}
      <div class="actions-row">
        <a class="button" href={`${path}.csv`} download><Icon name="download" />CSV</a>
        <a class="button" href={path} download="statistics.json"><Icon name="download" />JSON</a>
      </div>
    </div>
  )
}

const number = (value: number): string => formatNumber(value, language.value)

function Tile({ name, value, hint }: { name: string; value: string; hint?: string }) {
  return <div class="card tile" title={hint}><dt>{name}</dt><dd>{value}</dd></div>
}

interface WorkTableProps { title: string; first: string; rows: readonly Sum[]; colors?: ReadonlyMap<string, string> }

function WorkTable({ title, first, rows, colors }: WorkTableProps) {
  const text = team().statistics
  const most = Math.max(...rows.map((row) => row.seconds), 1)
  return (
    <section class="card">
      <h2 class="card-title">{title}</h2>
      <table class="table">
        <thead>
          <tr>
            <th scope="col">{first}</th>
            <th scope="col" class="wide-bar">{text.time}</th>
            <th scope="col" class="number tight">{text.slices}</th>
            <th scope="col" class="number tight">{text.perSlice}</th>
            <th scope="col" class="number tight">{text.clicks}</th>
            <th scope="col" class="number tight">{text.strokes}</th>
            <th scope="col" class="number tight" title={text.editsHint}>{text.edits}</th>
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={row.id}>
              <td>{colors?.has(row.id) && <span class="swatch" style={{ background: colors.get(row.id), marginRight: '8px' }} />}{row.name}</td>
              <td class="wide-bar"><span class="bar"><span style={{ width: `${(100 * row.seconds) / most}%` }} /></span>{text.duration(row.seconds)}</td>
              <td class="number tight">{number(row.slices)}</td>
              <td class="number tight">{row.slices > 0 ? text.duration(row.seconds / row.slices) : ''}</td>
              <td class="number tight">{number(row.clicks)}</td>
              <td class="number tight">{number(row.strokes)}</td>
              <td class="number tight">{number(row.edits)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  )
}

const CHART = { height: 120, bar: 14, gap: 4 }

/** Two bars a day: submitted and accepted. The numbers are in the table behind the picture, for those who do not see it. */
function Days({ days }: { days: Statistics['days'] }) {
  const text = team().statistics
  const most = Math.max(...days.flatMap((day) => [day.submitted, day.accepted]), 1)
  const step = 2 * CHART.bar + CHART.gap + 8
  const width = days.length * step
  const tall = (count: number) => (count / most) * (CHART.height - 16)
  const date = (day: string) => formatDate(`${day}T12:00:00`, language.value, new Date())
  return (
    <section class="card pad">
      <h2>{text.byDay}</h2>
      <p class="day-legend soft"><span class="swatch submitted" />{text.submitted}<span class="swatch accepted" />{text.accepted}</p>
      <div class="day-chart">
        <svg width={width} height={CHART.height + 20} role="img" aria-label={text.byDay}>
          {days.map((day, n) => (
            <g key={day.day} transform={`translate(${n * step} 0)`}>
              <title>{`${date(day.day)}: ${text.submitted} ${day.submitted}, ${text.accepted} ${day.accepted}`}</title>
              <rect class="submitted" x={0} y={CHART.height - tall(day.submitted)} width={CHART.bar} height={tall(day.submitted)} />
              <rect class="accepted" x={CHART.bar + CHART.gap} y={CHART.height - tall(day.accepted)} width={CHART.bar} height={tall(day.accepted)} />
              {(n % Math.ceil(days.length / 20) === 0 || days.length <= 20) && <text x={0} y={CHART.height + 16}>{day.day.slice(8)}</text>}
            </g>
          ))}
          <line x1={0} x2={width} y1={CHART.height} y2={CHART.height} />
        </svg>
      </div>
      <table class="visually-hidden">
        <thead><tr><th scope="col">{text.byDay}</th><th scope="col">{text.submitted}</th><th scope="col">{text.accepted}</th></tr></thead>
        <tbody>{days.map((day) => <tr key={day.day}><th scope="row">{date(day.day)}</th><td>{day.submitted}</td><td>{day.accepted}</td></tr>)}</tbody>
      </table>
    </section>
  )
}
