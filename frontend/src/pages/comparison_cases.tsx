// Which accepted cases a blinded comparison is of: all, or some that are chosen, and of a volume which slices.

import { useId } from 'preact/hooks'
import type { EvaluationCase } from '../api/evaluation_types.ts'
import type { Project } from '../api/project_types.ts'
import type { Page } from '../api/types.ts'
import { comparisonTexts } from '../i18n/comparisons_text.ts'
import { evaluationTexts } from '../i18n/evaluation_text.ts'
import { t } from '../i18n/text.ts'
import { ProblemNotice } from '../panels/problem_notice.tsx'
import { useApp } from './app_state.ts'
import { parseSlices } from './slice_numbers.ts'
import { usePaged } from './use_paged.ts'

/** Case -> the slices as typed; empty: any. */
export type ChosenCases = Readonly<Record<string, string>>

export interface ComparisonCasesProps {
  project: Project
  /** null: all. */
  chosen: ChosenCases | null
  onChange: (chosen: ChosenCases | null) => void
}

const CASES_A_PAGE = 100

export function ComparisonCases({ project, chosen, onChange }: ComparisonCasesProps) {
  const text = comparisonTexts().cases
  const id = useId()
  return (
    <fieldset>
      <legend>{text.legend}</legend>
      <div class="checks">
        <label class="check"><input type="radio" name={id} checked={chosen === null} onChange={() => onChange(null)} />{text.all}</label>
        <label class="check"><input type="radio" name={id} checked={chosen !== null} onChange={() => onChange(chosen ?? {})} />{text.some}</label>
      </div>
      {chosen !== null && <Chooser project={project} chosen={chosen} onChange={onChange} />}
    </fieldset>
  )
}

function Chooser({ project, chosen, onChange }: ComparisonCasesProps & { chosen: ChosenCases }) {
  const { api } = useApp()
  const text = comparisonTexts().cases
  const words = evaluationTexts()
  const path = `/api/projects/${project.id}/evaluation-cases`
  const found = usePaged<EvaluationCase>((cursor, signal) => api.get<Page<EvaluationCase>>(path, { query: { limit: CASES_A_PAGE, cursor }, signal }), [path])
  if (found.problem && !found.items) return <ProblemNotice problem={found.problem} onRetry={found.reload} />
  if (!found.items) return <p class="soft" role="status"><span class="spinner" /> {t().common.loading}</p>
  const cases = found.items.filter(({ state }) => state === 'accepted')

  function choose(caseId: string, on: boolean): void {
    const { [caseId]: _, ...others } = chosen
    onChange(on ? { ...others, [caseId]: '' } : others)
  }
  return (
    <>
      {cases.length === 0 && <p class="soft">{text.none}</p>}
      {cases.length > 0 && (
        <div class="card table-scroll tall" role="region" tabIndex={0} aria-label={text.legend}>
          <table class="table compact">
            <thead>
              <tr><th scope="col" class="tight"><span class="visually-hidden">{text.choose}</span></th><th scope="col">{words.caseName}</th><th scope="col">{words.masks}</th><th scope="col">{text.slices}</th></tr>
            </thead>
            <tbody>
              {cases.map((item) => {
                const typed = chosen[item.id]
                const wrong = typed !== undefined && parseSlices(typed) === null
                return (
                  <tr key={item.id}>
                    <td class="tight"><input type="checkbox" aria-label={words.chooseCase(item.name)} checked={typed !== undefined} onChange={(event) => choose(item.id, event.currentTarget.checked)} /></td>
                    <td class="case-name">{item.name}{item.pictures && <span class="tag">{words.picture}</span>}</td>
                    <td>
                      <span class="scores">
                        {project.labels.flatMap((label) => {
                          const drawn = item.labels.find(({ label_id }) => label_id === label.id)
                          return drawn ? [<span key={label.id} class="label-count"><span class="swatch" style={{ background: label.color }} />{label.name} {drawn.slices}</span>] : []
                        })}
                      </span>
                    </td>
                    <td>
                      {!item.pictures && (
                        <input class="input" inputMode="numeric" placeholder={text.anySlice} aria-label={text.slicesOf(item.name)} aria-invalid={wrong} disabled={typed === undefined} value={typed ?? ''}
                          onInput={(event) => onChange({ ...chosen, [item.id]: event.currentTarget.value })} />
                      )}
                      {wrong && <p class="wrong" role="alert">{text.slicesWrong}</p>}
                    </td>
                  </tr>
                )
              })}
            </tbody>
          </table>
        </div>
      )}
      <p class="soft">{text.hint}</p>
      {found.more && <button type="button" class="button quiet" disabled={found.loadingMore} onClick={found.loadMore}>{t().common.loadMore}</button>}
    </>
  )
}

/** Whether a comparison can be set up with this choice. */
export function isChosen(chosen: ChosenCases | null): boolean {
  return chosen === null || (Object.keys(chosen).length > 0 && Object.values(chosen).every((typed) => parseSlices(typed) !== null))
}

/** The choice as it is sent. */
export function chosenOf(chosen: ChosenCases | null): { case_ids: string[] | null; slices: Record<string, number[]> | null } {
  if (chosen === null) return { case_ids: null, slices: null }
  const slices = Object.entries(chosen).flatMap(([caseId, typed]) => {
    const read = parseSlices(typed) ?? []
    return read.length > 0 ? [[caseId, read] as const] : []
  })
  return { case_ids: Object.keys(chosen), slices: Object.fromEntries(slices) }
}
