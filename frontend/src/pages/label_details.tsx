// The group of a label and the rules that its masks are checked by when a case is submitted.

import { useId, useState } from 'preact/hooks'
import type { LabelRules } from '../api/project_types.ts'
import type { Label, Problem } from '../api/types.ts'
import { labelSetTexts } from '../i18n/label_sets_text.ts'
import { t } from '../i18n/text.ts'
import { Dialog } from '../panels/dialog.tsx'
import { ProblemNotice } from '../panels/problem_notice.tsx'

const RULES = ['required', 'islands', 'holes', 'missing_slices', 'volume', 'overlap', 'touching'] as const
const LEVELS = ['off', 'warn', 'block'] as const

export interface LabelDetailsProps {
  label: Label
  groups: readonly string[]
  /** Null: it is stored. */
  onSave: (changes: { group: string; rules: LabelRules }) => Promise<Problem | null>
  onClose: () => void
}

export function LabelDetails({ label, groups, onSave, onClose }: LabelDetailsProps) {
  const text = labelSetTexts()
  const [group, setGroup] = useState(label.group)
  const [rules, setRules] = useState<LabelRules>(label.rules)
  const [problem, setProblem] = useState<Problem | null>(null)
  const id = useId()
  const change = (part: Partial<LabelRules>) => setRules({ ...rules, ...part })

  async function save(): Promise<void> {
    const refused = await onSave({ group: group.trim(), rules })
    setProblem(refused)
    if (!refused) onClose()
  }
  return (
    <Dialog title={text.detailsTitle(label.name)} onClose={onClose} onSubmit={() => void save()}
      footer={<>
        <button type="button" class="button" onClick={onClose}>{t().common.cancel}</button>
        <button class="button primary">{t().common.save}</button>
      </>}>
      <div class="stack">
        {problem && <ProblemNotice problem={problem} />}
        <div class="field">
          <label class="name" for={`${id}g`}>{text.group}</label>
          <input id={`${id}g`} class="input" value={group} maxLength={64} list={`${id}l`} aria-describedby={`${id}h`}
            onInput={(event) => setGroup(event.currentTarget.value)} />
          <datalist id={`${id}l`}>{groups.map((name) => <option key={name} value={name} />)}</datalist>
          <p id={`${id}h`} class="hint">{text.groupHint}</p>
        </div>
        <fieldset class="label-rules">
          <legend>{text.rulesTitle}</legend>
          {RULES.map((rule) => (
            <div key={rule} class="label-rule">
              <label for={`${id}${rule}`}>{text.rules[rule]}</label>
              <select id={`${id}${rule}`} class="select" value={rules[rule]}
                onChange={(event) => change({ [rule]: event.currentTarget.value })}>
                {LEVELS.map((level) => <option key={level} value={level}>{text.levels[level]}</option>)}
              </select>
              {rule === 'islands' && rules.islands !== 'off' && (
                <div class="label-limits">
                  <Limit name={text.maxIslands} value={rules.max_islands ?? 1} step={1} least={1} onValue={(value) => change({ max_islands: value ?? 1 })} />
                  <Limit name={text.minIsland} value={rules.min_island_mm3 ?? 0} onValue={(value) => change({ min_island_mm3: value ?? 0 })} />
                </div>
              )}
              {rule === 'volume' && rules.volume !== 'off' && (
                <div class="label-limits">
                  <Limit name={text.minMl} value={rules.min_ml ?? null} onValue={(value) => change({ min_ml: value })} />
                  <Limit name={text.maxMl} value={rules.max_ml ?? null} onValue={(value) => change({ max_ml: value })} />
                </div>
              )}
            </div>
          ))}
        </fieldset>
      </div>
    </Dialog>
  )
}

interface LimitProps { name: string; value: number | null; step?: number; least?: number; onValue: (value: number | null) => void }

function Limit({ name, value, step, least = 0, onValue }: LimitProps) {
  const id = useId()
  return (
    <div class="field">
      <label class="name" for={id}>{name}</label>
      <input id={id} class="input" type="number" min={least} step={step ?? 'any'} value={value ?? ''}
        onInput={(event) => onValue(Number.isNaN(event.currentTarget.valueAsNumber) ? null : event.currentTarget.valueAsNumber)} />
    </div>
  )
}
