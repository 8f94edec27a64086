// Beside an open case, for who reviews it: how far two readers agree, where they differ, one mask out of several, and whose
// masks count.

import { useEffect, useId, useState } from 'preact/hooks'
import type { Annotator } from '../annotate/annotator.ts'
import { loadDifferences, ONLY_FIRST_COLOR, ONLY_SECOND_COLOR, type Differences } from '../annotate/differences.ts'
import type { Client } from '../api/client.ts'
import type { Agreement, Case, ConsensusIn, Project, Reader } from '../api/project_types.ts'
import type { Job, Problem } from '../api/types.ts'
import { formatNumber } from '../i18n/format.ts'
import { team } from '../i18n/team.ts'
import { language, t } from '../i18n/text.ts'
import { Icon } from '../panels/icon.tsx'
import { ProblemNotice } from '../panels/problem_notice.tsx'
import { finishedJob } from './finished_job.ts'
import { useAgreement } from './use_agreement.ts'
import { useLoaded } from './use_loaded.ts'
import { stateName } from './words.ts'

export interface CaseCompareProps {
  api: Client
  annotator: Annotator
  item: Case
  project: Project
  /** Whose masks the case has, the caller left out. */
  readers: readonly Reader[]
  me: string
  onClose: () => void
  /** A consensus was made: it waits among the reviewer's own masks. */
  onConsensus: () => void
  /** A reading was sent back. */
  onReturned: () => void
}

/** A person, or with `~` in front their masks of the round before. */
type Choice = string

export function CaseCompare({ api, annotator, item, project, readers, me, onClose, onConsensus, onReturned }: CaseCompareProps) {
  const text = team().compare
  const programs = readers.filter(({ is_program: program }) => program).map(({ person }) => person)
  const mine = item.readings.length === 0 && annotator.labels.value.some(({ voxels }) => voxels > 0) ? [{ id: me, name: team().review.own }] : []
  const people = item.readings.length > 0 ? [...item.readings.map(({ reader }) => reader), ...programs] : [...readers.map(({ person }) => person), ...mine]
  const [first, setFirst] = useState<Choice>(people[0]?.id ?? '')
  const [second, setSecond] = useState<Choice>(people[1]?.id ?? `~${people[0]?.id}`)
  const [shown, setShown] = useState(true)
  const labelId = annotator.activeLabelId.value
  const { volume } = annotator
  const differences = useLoaded<Differences>(
    (signal) => loadDifferences(api, volume.id, volume.shapeKji, sourceOf(first), sourceOf(second), signal), [volume.id, first, second])

  useEffect(() => {
    annotator.layOver(shown && differences.value && labelId !== null ? differences.value.laidOver(labelId) : [])
    return () => annotator.layOver([])
  }, [annotator, differences.value, labelId, shown])

  const slices = labelId !== null && differences.value ? differences.value.of(labelId) : []
  const label = project.labels.find(({ id }) => id === labelId)
  const options = people.flatMap(({ id, name }) => [{ id, name }, { id: `~${id}`, name: text.before(name) }])
  return (
    <section class="comments compare" aria-label={text.title}>
      <header>
        <h2>{text.title}</h2>
        <button type="button" class="icon-button small" aria-label={t().common.close} onClick={onClose}><Icon name="close" size={16} /></button>
      </header>
      <div class="comments-list">
        <div class="stack-small">
          <Who name={text.first} color={ONLY_FIRST_COLOR} value={first} options={options} onChoose={setFirst} />
          <Who name={text.second} color={ONLY_SECOND_COLOR} value={second} options={options} onChoose={setSecond} />
          <label class="check"><input type="checkbox" checked={shown} onChange={(event) => setShown(event.currentTarget.checked)} />{text.show}</label>
        </div>
        {differences.problem && <ProblemNotice problem={differences.problem} />}
        {differences.value && (
          <div class="stack-small">
            <h3>{text.where(label?.name ?? '')}</h3>
            {slices.length === 0 ? <p class="faint">{text.same}</p> : (
              <>
                <button type="button" class="button" onClick={() => annotator.lookAt(slices[0].slice)}><Icon name="crosshair" size={16} />{text.most(slices[0].slice + 1)}</button>
                <ul class="difference-list">
                  {slices.slice(0, MOST_SLICES).map(({ slice, voxels }) => (
                    <li key={slice}>
                      <button type="button" class="link" onClick={() => annotator.lookAt(slice)}>{team().review.slice(slice + 1)}</button>
                      <span class="bar"><span style={{ width: `${(100 * voxels) / slices[0].voxels}%` }} /></span>
                      <span class="faint">{text.voxels(voxels)}</span>
                    </li>
                  ))}
                </ul>
              </>
            )}
          </div>
        )}
        {(item.readings.length > 1 || programs.length > 0) && <Numbers api={api} item={item} project={project} />}
        {item.state !== 'accepted' && !project.archived && <Consensus api={api} annotator={annotator} item={item} people={people} me={me} onConsensus={onConsensus} />}
        {item.readings.length > 0 && <Readings api={api} item={item} onReturned={onReturned} />}
      </div>
    </section>
  )
}

const MOST_SLICES = 8

function sourceOf(choice: Choice) {
  return choice.startsWith('~') ? { personId: choice.slice(1), round: 'previous' as const } : { personId: choice, round: 'now' as const }
}

interface WhoProps { name: string; color: string; value: Choice; options: ReadonlyArray<{ id: string; name: string }>; onChoose: (choice: Choice) => void }

function Who({ name, color, value, options, onChoose }: WhoProps) {
  const id = useId()
  return (
    <div class="compare-who">
      <label for={id}><span class="swatch" style={{ background: color }} />{name}</label>
      <select id={id} class="select quiet" value={value} onChange={(event) => onChoose(event.currentTarget.value)}>
        {options.map((option) => <option key={option.id} value={option.id}>{option.name}</option>)}
      </select>
    </div>
  )
}

const number = (value: number, digits = 2): string => formatNumber(value, language.value, digits)

/** Agreement of the readings of this case; computed when somebody looks at it. */
function Numbers({ api, item, project }: Pick<CaseCompareProps, 'api' | 'item' | 'project'>) {
  const text = team().compare
  const { value, problem, busy } = useAgreement<Agreement>(api, project.id, `/api/cases/${item.id}/agreement`)
  return (
    <div class="stack-small">
      <h3>{text.agreement}</h3>
      {problem && <ProblemNotice problem={problem} />}
      {busy && <p class="faint" role="status"><span class="spinner" /> {text.computing}</p>}
      {value && value.pairs.length > 0 && (
        <table class="table compact">
          <thead>
            <tr><th scope="col">{text.label}</th><th scope="col" class="number">{text.dice}</th><th scope="col" class="number" title={text.surfaceHint(value.tolerance_mm)}>{text.surface}</th><th scope="col" class="number">{text.hd95}</th><th scope="col" class="number">{text.volume}</th></tr>
          </thead>
          <tbody>
            {value.pairs.map((pair) => (
              <tr key={`${pair.volume_id} ${pair.label_id} ${pair.first.id} ${pair.second.id}`} title={`${pair.first.name}, ${pair.second.name}`}>
                <th scope="row">{pair.label_name}</th>
                <td class="number">{number(pair.dice)}</td>
                <td class="number">{number(pair.surface_dice)}</td>
                <td class="number">{pair.hd95_mm === null ? t().common.none : text.mm(number(pair.hd95_mm, 1))}</td>
                <td class="number">{`${number(Math.abs(pair.volume_difference_percent), 0)} %`}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {value && !busy && value.pairs.length === 0 && <p class="faint">{text.notYet}</p>}
    </div>
  )
}

interface ConsensusProps { api: Client; annotator: Annotator; item: Case; people: ReadonlyArray<{ id: string; name: string }>; me: string; onConsensus: () => void }

/** A new proposal for the reviewer, and accepting it label by label. */
function Consensus({ api, annotator, item, people, me, onConsensus }: ConsensusProps) {
  const text = team().compare
  const [busy, setBusy] = useState(false)
  const [problem, setProblem] = useState<Problem | null>(null)
  const open = annotator.review.open.value.size
  async function make(body: ConsensusIn): Promise<void> {
    setBusy(true)
    const started = await api.post<Job>(`/api/cases/${item.id}/consensus`, { json: body })
    const ended = started.error ? started : await finishedJob(api, started.data)
    setBusy(false)
    setProblem(ended.error ?? null)
    if (ended.error) return
    await annotator.review.load()
    onConsensus()
  }
  async function acceptAll(): Promise<void> {
    annotator.review.confidence.value = 0
    await annotator.review.acceptSure()
  }
  const everybody = people.map(({ id }) => id)
  return (
    <div class="stack-small">
      <h3>{text.consensus}</h3>
      <p class="soft">{text.consensusDetail}</p>
      <div class="compare-actions">
        {people.length > 1 && (
          <>
            <button type="button" class="button" disabled={busy} onClick={() => void make({ method: 'majority', reader_ids: everybody })}>{text.majority}</button>
            <button type="button" class="button" disabled={busy} onClick={() => void make({ method: 'staple', reader_ids: everybody })}>STAPLE</button>
          </>
        )}
        {people.filter(({ id }) => id !== me).map(({ id, name }) => <button key={id} type="button" class="button quiet" disabled={busy} onClick={() => void make({ method: 'reader', reader_ids: [id] })}>{text.take(name)}</button>)}
        {busy && <span class="spinner" />}
      </div>
      {problem && <ProblemNotice problem={problem} />}
      {open > 0 && <button type="button" class="button primary" disabled={annotator.review.busy.value} onClick={() => void acceptAll()}><Icon name="check" />{text.acceptAll(open)}</button>}
    </div>
  )
}

function Readings({ api, item, onReturned }: { api: Client; item: Case; onReturned: () => void }) {
  const text = team().compare
  const [problem, setProblem] = useState<Problem | null>(null)
  async function giveBack(readerId: string): Promise<void> {
    const answer = await api.post(`/api/cases/${item.id}/readings/${readerId}/return`)
    setProblem(answer.error ?? null)
    if (!answer.error) onReturned()
  }
  return (
    <div class="stack-small">
      <h3>{text.readings}</h3>
      {problem && <ProblemNotice problem={problem} />}
      <ul class="reading-list">
        {item.readings.map(({ reader, state }) => (
          <li key={reader.id}>
            <span class="grow">{reader.name}</span><span class="tag">{stateName(state)}</span>
            {state === 'submitted' && item.state !== 'accepted' && (
              <button type="button" class="button quiet" onClick={() => void giveBack(reader.id)}><Icon name="undo" size={16} />{text.giveBack(reader.name)}</button>
            )}
          </li>
        ))}
      </ul>
    </div>
  )
}
