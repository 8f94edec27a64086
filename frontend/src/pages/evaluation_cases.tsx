// The cases to measure on, each with what is drawn in it.

import type { EvaluationCase, EvaluationSettings } from '../api/evaluation_types.ts'
import type { Label } from '../api/types.ts'
import { evaluationTexts } from '../i18n/evaluation_text.ts'
import { isFinished, takesUnfinished } from './evaluation_settings.ts'
import { stateName } from './words.ts'

export interface EvaluationCasesProps {
  cases: readonly EvaluationCase[]
  labels: readonly Label[]
  settings: EvaluationSettings
  onChange: (part: Partial<EvaluationSettings>) => void
}

export function EvaluationCases({ cases, labels, settings, onChange }: EvaluationCasesProps) {
  const text = evaluationTexts()
  const offered = cases.filter((item) => settings.unfinished_cases || isFinished(item))
  const all = offered.length > 0 && offered.every((item) => settings.case_ids.includes(item.id))
  const choose = (ids: readonly string[]) => onChange({ case_ids: cases.map((item) => item.id).filter((id) => ids.includes(id)) })

  function allowUnfinished(allowed: boolean): void {
    const kept = cases.filter((item) => settings.case_ids.includes(item.id) && (allowed || isFinished(item)))
    onChange({ unfinished_cases: allowed, case_ids: kept.map((item) => item.id) })
  }
  return (
    <fieldset>
      <legend>{text.cases}</legend>
      {offered.length > 0 && (
        <div class="card table-scroll tall" role="region" tabIndex={0} aria-label={text.cases}>
          <table class="table compact">
            <thead>
              <tr>
                <th scope="col" class="tight">
                  <input type="checkbox" aria-label={text.allCases} checked={all} onChange={() => choose(all ? [] : offered.map((item) => item.id))} />
                </th>
                <th scope="col">{text.caseName}</th>
                <th scope="col" class="tight">{text.state}</th>
                <th scope="col">{text.masks}</th>
              </tr>
            </thead>
            <tbody>
              {offered.map((item) => {
                const chosen = settings.case_ids.includes(item.id)
                return (
                  <tr key={item.id}>
                    <td class="tight">
                      <input type="checkbox" aria-label={text.chooseCase(item.name)} checked={chosen}
                        onChange={() => choose(chosen ? settings.case_ids.filter((id) => id !== item.id) : [...settings.case_ids, item.id])} />
                    </td>
                    <td class="case-name">{item.name}{item.pictures && <span class="tag">{text.picture}</span>}</td>
                    <td class="tight soft">{stateName(item.state)}</td>
                    <td>
                      <span class="scores">
                        {labels.flatMap((label) => {
                          const drawn = item.labels.find((found) => found.label_id === label.id)
                          return drawn ? [<span key={label.id} class="label-count"><span class="swatch" style={{ background: label.color }} />{label.name} {drawn.slices}</span>] : []
                        })}
                      </span>
                    </td>
                  </tr>
                )
              })}
            </tbody>
          </table>
        </div>
      )}
      {takesUnfinished(settings.protocol) && (
        <label class="check">
          <input type="checkbox" checked={settings.unfinished_cases} onChange={(event) => allowUnfinished(event.currentTarget.checked)} />
          {text.unfinished} <span class="faint">{text.unfinishedHelp}</span>
        </label>
      )}
    </fieldset>
  )
}
