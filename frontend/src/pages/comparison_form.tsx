// Setting up a blinded comparison: two sources, labels, readers, how many pairs, and how masks are computed.

import { useId, useState } from 'preact/hooks'
import type { ComparisonIn, Source } from '../api/comparison_types.ts'
import type { Person, Project } from '../api/project_types.ts'
import { comparisonTexts } from '../i18n/comparisons_text.ts'
import { Icon } from '../panels/icon.tsx'
import { ComparisonCases, chosenOf, isChosen, type ChosenCases } from './comparison_cases.tsx'
import { Checks, NumberField } from './evaluation_fields.tsx'

const SOURCES: readonly Source[] = [
  { what: 'plain', how: 'computed' }, { what: 'assist', how: 'computed' }, { what: 'auto', how: 'computed' }, { what: 'human', how: 'stored' },
  { what: 'plain', how: 'stored' }, { what: 'assist', how: 'stored' }, { what: 'auto', how: 'stored' },
]
const keyOf = ({ what, how }: Source): string => `${what} ${how}`
const MOST_PAIRS = 500

export interface ComparisonFormProps {
  project: Project
  /** Who may judge; null: not known yet. */
  people: readonly Person[] | null
  /** Those of them who are chosen at first. */
  judges: readonly Person[]
  onCreate: (wanted: ComparisonIn) => Promise<void>
}

export function ComparisonForm({ project, people, judges, onCreate }: ComparisonFormProps) {
  const text = comparisonTexts()
  const [name, setName] = useState('')
  const [first, setFirst] = useState<Source>(SOURCES[1])
  const [second, setSecond] = useState<Source>(SOURCES[3])
  const [labels, setLabels] = useState<readonly string[]>(project.labels.map(({ id }) => id))
  const [chosen, setReaders] = useState<readonly string[] | null>(null)
  const [cases, setCases] = useState<ChosenCases | null>(null)
  const [pairs, setPairs] = useState(40)
  const [prompts, setPrompts] = useState<'points' | 'boxes'>('points')
  const [points, setPoints] = useState(3)
  const [support, setSupport] = useState(5)
  const [seed, setSeed] = useState(0)
  const [sending, setSending] = useState(false)
  const ids = useId()

  const readers = chosen ?? judges.map(({ id }) => id)
  const same = keyOf(first) === keyOf(second)
  const computed = [first, second].some(({ how }) => how === 'computed')
  const ready = name.trim() !== '' && !same && labels.length > 0 && readers.length > 0 && isChosen(cases)

  async function submit(event: Event): Promise<void> {
    event.preventDefault()
    setSending(true)
    await onCreate({ name, settings: { first, second, prompts, points, support, seed, model: null }, label_ids: [...labels], reader_ids: [...readers], pairs, ...chosenOf(cases) })
    setSending(false)
  }
  return (
    <form class="card pad stack evaluation-form" onSubmit={submit}>
      <div class="titles">
        <h2>{text.title}</h2>
        <p class="soft">{text.lead}</p>
      </div>
      <div class="field">
        <label class="name" for={`${ids}n`}>{text.name}</label>
        <input id={`${ids}n`} class="input" required maxLength={120} value={name} placeholder={text.namePlaceholder} aria-describedby={`${ids}h`} onInput={(event) => setName(event.currentTarget.value)} />
        <p id={`${ids}h`} class="hint">{text.nameHint}</p>
      </div>
      <div class="number-fields">
        <SourceField id={`${ids}1`} name={text.first} value={first} onChange={setFirst} />
        <SourceField id={`${ids}2`} name={text.second} value={second} onChange={setSecond} />
        <NumberField name={text.pairs} hint={text.pairsHint} value={pairs} least={1} most={MOST_PAIRS} onChange={(n) => setPairs(n ?? 1)} />
      </div>
      {same && <p class="hint" role="alert">{text.same}</p>}
      <Checks legend={text.labels} options={project.labels.map(({ id, name: label, color }) => ({ value: id, name: label, color }))} chosen={labels} onChange={setLabels} />
      <ComparisonCases project={project} chosen={cases} onChange={setCases} />
      {people?.length === 0 ? <p class="soft">{text.noReaders}</p> : <Checks legend={text.readers} options={(people ?? []).map(({ id, name: person }) => ({ value: id, name: person }))} chosen={readers} onChange={setReaders} />}
      {computed && (
        <details>
          <summary>{text.more}</summary>
          <div class="number-fields more-settings">
            <div class="field">
              <label class="name" for={`${ids}p`}>{text.prompts}</label>
              <select id={`${ids}p`} class="select" value={prompts} onChange={(event) => setPrompts(event.currentTarget.value as 'points' | 'boxes')}>
                <option value="points">{text.promptNames.points}</option><option value="boxes">{text.promptNames.boxes}</option>
              </select>
            </div>
            <NumberField name={text.points} hint={text.pointsHint} value={points} least={1} most={20} onChange={(n) => setPoints(n ?? 1)} />
            <NumberField name={text.support} hint={text.supportHint} value={support} least={2} most={20} onChange={(n) => setSupport(n ?? 2)} />
            <NumberField name={text.seed} hint={text.seedHint} value={seed} least={0} onChange={(n) => setSeed(n ?? 0)} />
          </div>
        </details>
      )}
      <div class="start-row">
        <button class="button primary" disabled={!ready || sending}><Icon name="compare" size={16} />{text.create}</button>
      </div>
    </form>
  )
}

function SourceField({ id, name, value, onChange }: { id: string; name: string; value: Source; onChange: (source: Source) => void }) {
  const text = comparisonTexts()
  return (
    <div class="field">
      <label class="name" for={id}>{name}</label>
      <select id={id} class="select" value={keyOf(value)} onChange={(event) => onChange(SOURCES.find((source) => keyOf(source) === event.currentTarget.value)!)}>
        {SOURCES.map((source) => <option key={keyOf(source)} value={keyOf(source)}>{text.sources[keyOf(source)]}</option>)}
      </select>
    </div>
  )
}
