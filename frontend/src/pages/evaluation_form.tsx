// Choosing what to measure: cases, labels, the protocol and its settings, and how long that will take.

import { useState } from 'preact/hooks'
import type { EvaluationCase, EvaluationSettings } from '../api/evaluation_types.ts'
import type { Project } from '../api/project_types.ts'
import { evaluationTexts } from '../i18n/evaluation_text.ts'
import { formatNumber } from '../i18n/format.ts'
import { language } from '../i18n/text.ts'
import { Icon } from '../panels/icon.tsx'
import { EvaluationCases } from './evaluation_cases.tsx'
import { Checks, NumberField, NumbersField } from './evaluation_fields.tsx'
import {
  BASELINES, defaultSettings, estimateSeconds, GENERATORS, measured, PROMPTS, PROTOCOLS, SCHEMES, takesUnfinished, withProtocol,
} from './evaluation_settings.ts'

export interface EvaluationFormProps {
  project: Project
  cases: readonly EvaluationCase[]
  speed: number
  /** One is under way: another has to wait. */
  busy: boolean
  onStart: (settings: EvaluationSettings) => Promise<void>
}

export function EvaluationForm({ project, cases, speed, busy, onStart }: EvaluationFormProps) {
  const text = evaluationTexts()
  const [settings, setSettings] = useState(() => defaultSettings(cases, project.labels.map((label) => label.id)))
  const [wrong, setWrong] = useState<ReadonlySet<string>>(new Set())
  const [sending, setSending] = useState(false)
  const change = (part: Partial<EvaluationSettings>) => setSettings((old) => ({ ...old, ...part }))
  const units = measured(settings, cases)
  const ready = units.length > 0 && wrong.size === 0 && settings.prompts.length > 0 && settings.schemes.length > 0 && settings.generators.length > 0

  function judge(field: string, fine: boolean): void {
    setWrong((old) => {
      const next = new Set(old)
      if (fine) next.delete(field)
      else next.add(field)
      return next
    })
  }
  async function submit(event: Event): Promise<void> {
    event.preventDefault()
    setSending(true)
    await onStart(settings)
    setSending(false)
  }
  return (
    <form class="card pad stack evaluation-form" onSubmit={submit}>
      <div class="titles">
        <h2>{text.title}</h2>
        <p class="soft">{text.lead}</p>
      </div>
      <fieldset>
        <legend>{text.protocol}</legend>
        <div class="choices">
          {PROTOCOLS.map((protocol) => (
            <label key={protocol} class="choice">
              <input type="radio" name="protocol" checked={settings.protocol === protocol} onChange={() => setSettings(withProtocol(settings, protocol, cases))} />
              <span><strong>{text.protocols[protocol]}</strong><span class="soft">{text.protocolHelp[protocol]}</span></span>
            </label>
          ))}
        </div>
      </fieldset>
      <EvaluationCases cases={cases} labels={project.labels} settings={settings} onChange={change} />
      {takesUnfinished(settings.protocol) || units.length > 0 ? null : <p class="soft">{text.finishedOnly}</p>}
      <Checks legend={text.labels} options={project.labels.map((label) => ({ value: label.id, name: label.name, color: label.color }))}
        chosen={settings.label_ids} onChange={(label_ids) => change({ label_ids })} />
      <details>
        <summary>{text.more}</summary>
        <div class="stack more-settings">
          <div class="number-fields">
            <NumbersField key={`slices ${settings.protocol}`} name={text.slices} hint={text.slicesHelp} value={settings.slices}
              onChange={(slices) => change({ slices })} onJudged={(fine) => judge('slices', fine)} />
            {settings.protocol === 'assist' && (
              <NumbersField name={text.points} hint={text.pointsHelp} value={settings.points} onChange={(points) => change({ points })} onJudged={(fine) => judge('points', fine)} />
            )}
            <NumberField name={text.testSlices} hint={text.testSlicesHelp} value={settings.test_slices} least={1} optional onChange={(test_slices) => change({ test_slices })} />
            <NumberField name={text.repeats} hint={text.repeatsHelp} value={settings.repeats} least={1} most={20} onChange={(n) => change({ repeats: n ?? 1 })} />
            <NumberField name={text.seed} hint={text.seedHelp} value={settings.seed} least={0} onChange={(n) => change({ seed: n ?? 0 })} />
          </div>
          {settings.protocol === 'assist' && (
            <>
              <Checks legend={text.prompts} options={PROMPTS.map((value) => ({ value, name: text.promptNames[value] }))} chosen={settings.prompts} onChange={(prompts) => change({ prompts })} />
              <Checks legend={text.schemes} options={SCHEMES.map((value) => ({ value, name: text.schemeNames[value] }))} chosen={settings.schemes} onChange={(schemes) => change({ schemes })} />
              <Checks legend={text.baselines} options={BASELINES.map((value) => ({ value, name: text.baselineNames[value] }))} chosen={settings.baselines} onChange={(baselines) => change({ baselines })} />
            </>
          )}
          {settings.protocol === 'auto' && (
            <Checks legend={text.generators} options={GENERATORS.map((value) => ({ value, name: text.generatorNames[value] }))} chosen={settings.generators} onChange={(generators) => change({ generators })} />
          )}
        </div>
      </details>
      <div class="start-row">
        <button class="button primary" disabled={!ready || busy || sending}><Icon name="play" size={16} />{text.start}</button>
        <p class="soft" aria-live="polite">
          {units.length === 0 ? text.chooseMore : <>{text.measures(units.length, settings.case_ids.length)} · {duration(estimateSeconds(settings, cases, speed))} {text.waits}</>}
        </p>
      </div>
    </form>
  )
}

/** In words, and no more precise than a guess is. */
function duration(seconds: number): string {
  const text = evaluationTexts()
  const minutes = seconds / 60
  if (minutes < 1) return text.takesSeconds
  if (minutes < 10) return text.takesMinutes(Math.ceil(minutes))
  if (minutes < 90) return text.takesMinutes(Math.ceil(minutes / 5) * 5)
  return text.takesHours(formatNumber(minutes / 60, language.value, minutes < 600 ? 1 : 0))
}
