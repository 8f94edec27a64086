// How much work the project was: sums, time by person, by label and by how masks came about, cases finished day by day; as
// CSV and JSON too.

import { useEffect } from 'preact/hooks'
import type { Project, ProjectStatistics as Statistics } from '../api/project_types.ts'
import { formatNumber } from '../i18n/format.ts'
import { team } from '../i18n/team.ts'
import { language, t } from '../i18n/text.ts'
import { Icon } from '../panels/icon.tsx'
import { ProblemNotice } from '../panels/problem_notice.tsx'
import { TableSkeleton } from '../panels/skeleton.tsx'
import { useApp } from './app_state.ts'
import { DayChart } from './day_chart.tsx'
import { ReaderAgreement } from './reader_agreement.tsx'
import { everyDay, sumBy, type Sum } from './statistics_sums.ts'
import { useLoaded } from './use_loaded.ts'

const MOST_DAYS = 60
const COUNT_ON_MS = 200

export function ProjectStatistics({ project }: { project: Project }) {
  const { api } = useApp()
  const text = team().statistics
  const path = `/api/projects/${project.id}/statistics`
  const found = useLoaded<Statistics>((signal) => api.get(path, { signal }), [path])
  useEffect(() => { // each look counts a part of what is left
    if (!found.value || found.value.pending === 0) return
    const timer = setTimeout(() => void found.reload(), COUNT_ON_MS)
    return () => clearTimeout(timer)
  }, [found.value])
  if (found.problem) return <ProblemNotice problem={found.problem} onRetry={found.reload} />
  if (!found.value) return <TableSkeleton rows={4} />
  const { work, days, ways, pending } = found.value
  const people = sumBy(work, 'person', found.value.people)
  const labels = sumBy(work, 'label', found.value.labels)
  const total = (name: 'slices' | 'seconds' | 'clicks' | 'edits' | 'byModel' | 'submitted' | 'actionsUntilNearly') =>
    people.reduce((sum, row) => sum + row[name], 0)
  if (work.length === 0 && days.length === 0 && pending === 0) {
    return <div class="empty card"><Icon name="history" size={40} /><h2>{text.emptyTitle}</h2><p>{text.emptyDetail}</p></div>
  }
  const { submitted = 0, accepted = 0 } = project.counts.by_state
  return (
    <div class="stack">
      {pending > 0 && <p class="soft" role="status"><span class="spinner" /> {text.pending(number(pending))}</p>}
      <dl class="tiles">
        <Tile name={text.finished} value={`${submitted + accepted} / ${project.counts.cases}`} />
        <Tile name={text.time} value={text.duration(total('seconds'))} />
        <Tile name={text.slices} value={number(total('slices'))} />
        <Tile name={text.clicks} value={number(total('clicks'))} />
        <Tile name={text.edits} value={share(total('edits'), total('byModel'))} hint={text.editsHint} />
        <Tile name={text.untilNearly} value={mean(total('actionsUntilNearly'), total('submitted'))} hint={text.untilNearlyHint} />
      </dl>
      <WorkTable title={text.byPerson} first={text.person} rows={people} />
      <WorkTable title={text.byLabel} first={text.label} rows={labels} colors={new Map(project.labels.map(({ id, color }) => [id, color]))} />
      {ways.length > 0 && <WayTable ways={ways} />}
      <ReaderAgreement project={project} />
      {days.length > 0 && <DayChart days={everyDay(days, MOST_DAYS)} />}
      <div class="actions-row">
        <a class="button" href={`${path}.csv`} download><Icon name="download" />CSV</a>
        <a class="button" href={path} download="statistics.json"><Icon name="download" />JSON</a>
      </div>
    </div>
  )
}

const number = (value: number, digits = 0): string => formatNumber(value, language.value, digits)
const share = (part: number, whole: number): string => (whole > 0 ? `${number((100 * part) / whole)} %` : t().common.none)
const mean = (sum: number, count: number): string => (count > 0 ? number(sum / count, 1) : t().common.none)

function Tile({ name, value, hint }: { name: string; value: string; hint?: string }) {
  return <div class="card tile" title={hint}><dt>{name}</dt><dd>{value}</dd></div>
}

/** A duration with its bar beside the longest. */
function Time({ seconds, most }: { seconds: number; most: number }) {
  return <td class="wide-bar"><span class="bar"><span style={{ width: `${(100 * seconds) / most}%` }} /></span>{team().statistics.duration(seconds)}</td>
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
            <th scope="col" class="number tight">{text.cases}</th>
            <th scope="col" class="number tight">{text.slices}</th>
            <th scope="col" class="number tight">{text.perSlice}</th>
            <th scope="col" class="number tight">{text.clicks}</th>
            <th scope="col" class="number tight">{text.strokes}</th>
            <th scope="col" class="number tight" title={text.editsHint}>{text.edits}</th>
            <th scope="col" class="number tight" title={text.untilNearlyHint}>{text.untilNearly}</th>
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={row.id}>
              <td>{colors?.has(row.id) && <span class="swatch" style={{ background: colors.get(row.id), marginRight: '8px' }} />}{row.name}</td>
              <Time seconds={row.seconds} most={most} />
              <td class="number tight">{number(row.cases)}</td>
              <td class="number tight">{number(row.slices)}</td>
              <td class="number tight">{row.slices > 0 ? text.duration(row.seconds / row.slices) : ''}</td>
              <td class="number tight">{number(row.clicks)}</td>
              <td class="number tight">{number(row.strokes)}</td>
              <td class="number tight" title={text.editsOf(row.edits, row.byModel)}>{share(row.edits, row.byModel)}</td>
              <td class="number tight">{mean(row.actionsUntilNearly, row.submitted)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  )
}

/** How masks came about: by hand, by clicks with and without what was learned, as proposals; and what was changed of them. */
function WayTable({ ways }: { ways: Statistics['ways'] }) {
  const text = team().statistics
  const most = Math.max(...ways.map((way) => way.seconds), 1)
  return (
    <section class="card">
      <h2 class="card-title">{text.byWay}</h2>
      <table class="table">
        <thead>
          <tr>
            <th scope="col">{text.way}</th>
            <th scope="col" class="wide-bar">{text.time}</th>
            <th scope="col" class="number tight" title={text.newestHint}>{text.slices}</th>
            <th scope="col" class="number tight">{text.clicks}</th>
            <th scope="col" class="number tight">{text.strokes}</th>
            <th scope="col" class="number tight" title={text.editsHint}>{text.edits}</th>
            <th scope="col" class="number tight" title={text.changedHint}>{text.changed}</th>
          </tr>
        </thead>
        <tbody>
          {ways.toSorted((a, b) => b.slices - a.slices).map((way) => (
            <tr key={`${way.origin} ${way.model}`}>
              <td>{text.ways[way.origin]}{way.model !== '' && <span class="soft"> · {way.model}</span>}</td>
              <Time seconds={way.seconds} most={most} />
              <td class="number tight">{number(way.slices)}</td>
              <td class="number tight">{number(way.clicks + way.boxes)}</td>
              <td class="number tight">{number(way.strokes)}</td>
              <td class="number tight" title={text.editsOf(way.edits_after_model, way.slices_by_model)}>{share(way.edits_after_model, way.slices_by_model)}</td>
              <td class="number tight">{share(way.voxels_changed, way.voxels_by_model)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  )
}
