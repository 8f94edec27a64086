// How well the readers of a project agree, by label and pair of people; for managers also how near each person came to the
// gold cases that were hidden in their queue. As CSV and JSON too.

import type { Agreement, Project, Tests } from '../api/project_types.ts'
import { formatNumber } from '../i18n/format.ts'
import { team } from '../i18n/team.ts'
import { language, t } from '../i18n/text.ts'
import { Icon } from '../panels/icon.tsx'
import { ProblemNotice } from '../panels/problem_notice.tsx'
import { useApp } from './app_state.ts'
import { may } from './permissions.ts'
import { useAgreement } from './use_agreement.ts'

export function ReaderAgreement({ project }: { project: Project }) {
  return (
    <>
      <Between project={project} />
      {may(project.role, 'manage') && <Against project={project} />}
    </>
  )
}

/** One line of both tables. */
interface Line {
  readonly label_id: string
  readonly label_name: string
  readonly masks: number
  readonly dice: number
  readonly surface_dice: number
  readonly hd95_mm: number | null
  readonly volume_difference_percent: number
}

function Between({ project }: { project: Project }) {
  const { api } = useApp()
  const text = team().compare
  const path = `/api/projects/${project.id}/agreement`
  const { value, problem, busy } = useAgreement<Agreement>(api, project.id, path)
  if (problem) return <ProblemNotice problem={problem} />
  if (!value || (value.means.length === 0 && !busy)) return null
  return (
    <section class="card">
      <h2 class="card-title">{text.by}</h2>
      <p class="card-lead soft">{text.byDetail(value.tolerance_mm)}</p>
      {busy && <p class="card-lead faint" role="status"><span class="spinner" /> {text.computing}</p>}
      <Lines project={project} first={text.pair} tolerance={value.tolerance_mm}
        lines={value.means.map((mean) => ({ ...mean, who: `${mean.first.name}, ${mean.second.name}` }))} />
      <div class="actions-row card-lead">
        <a class="button" href={`${path}.csv`} download><Icon name="download" />CSV</a>
        <a class="button" href={path} download="agreement.json"><Icon name="download" />JSON</a>
      </div>
    </section>
  )
}

function Against({ project }: { project: Project }) {
  const { api } = useApp()
  const text = team().compare
  const path = `/api/projects/${project.id}/tests`
  const { value, problem, busy } = useAgreement<Tests>(api, project.id, path)
  if (problem) return <ProblemNotice problem={problem} />
  if (!value || (value.scores.length === 0 && !busy)) return null
  return (
    <section class="card">
      <h2 class="card-title">{text.tests}</h2>
      <p class="card-lead soft">{text.testsDetail}</p>
      {busy && <p class="card-lead faint" role="status"><span class="spinner" /> {text.computing}</p>}
      <Lines project={project} first={team().statistics.person} tolerance={value.tolerance_mm}
        lines={value.scores.map((score) => ({ ...score, who: score.person.name }))} />
    </section>
  )
}

const number = (value: number, digits: number): string => formatNumber(value, language.value, digits)

function Lines({ project, first, tolerance, lines }: { project: Project; first: string; tolerance: number; lines: ReadonlyArray<Line & { who: string }> }) {
  const text = team().compare
  const colors = new Map(project.labels.map(({ id, color }) => [id, color]))
  return (
    <table class="table">
      <thead>
        <tr>
          <th scope="col">{first}</th>
          <th scope="col">{text.label}</th>
          <th scope="col" class="number tight">{text.masks}</th>
          <th scope="col" class="number tight">{text.dice}</th>
          <th scope="col" class="number tight" title={text.surfaceHint(tolerance)}>{text.surface}</th>
          <th scope="col" class="number tight">{text.hd95}</th>
          <th scope="col" class="number tight">{text.volume}</th>
        </tr>
      </thead>
      <tbody>
        {lines.map((line) => (
          <tr key={`${line.who} ${line.label_id}`}>
            <td>{line.who}</td>
            <td><span class="swatch" style={{ background: colors.get(line.label_id), marginRight: '8px' }} />{line.label_name}</td>
            <td class="number tight">{number(line.masks, 0)}</td>
            <td class="number tight">{number(line.dice, 3)}</td>
            <td class="number tight">{number(line.surface_dice, 3)}</td>
            <td class="number tight">{line.hd95_mm === null ? t().common.none : text.mm(number(line.hd95_mm, 1))}</td>
            <td class="number tight">{`${number(line.volume_difference_percent, 1)} %`}</td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}
