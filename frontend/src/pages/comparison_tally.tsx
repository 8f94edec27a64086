// The tally of a blinded comparison: how often each source was preferred, by label and reader, and how sure that is.

import type { Client } from '../api/client.ts'
import type { Comparison, TallyOut, TallyRow } from '../api/comparison_types.ts'
import { comparisonTexts } from '../i18n/comparisons_text.ts'
import { formatNumber } from '../i18n/format.ts'
import { language, t } from '../i18n/text.ts'
import { Icon } from '../panels/icon.tsx'
import { ProblemNotice } from '../panels/problem_notice.tsx'
import { useLoaded } from './use_loaded.ts'

interface ComparisonTallyProps { api: Client; item: Comparison; manages: boolean; first: string; second: string }

export function ComparisonTally({ api, item, manages, first, second }: ComparisonTallyProps) {
  const text = comparisonTexts()
  const path = `/api/comparisons/${item.id}`
  const judged = item.readers.map((reader) => reader.judged).join()
  const tally = useLoaded<TallyOut>((signal) => api.get(`${path}/tally`, { signal }), [path, judged])
  if (tally.problem) return <ProblemNotice problem={tally.problem} onRetry={tally.reload} />
  if (!tally.value) return <p class="soft" role="status"><span class="spinner" /> {t().common.loading}</p>
  const { rows } = tally.value
  const voted = rows.some((row) => row.first + row.second + row.none > 0)
  if (!voted) return <p class="soft">{text.nothingYet}</p>
  const labels = rows.some((row) => row.label_id !== null)
  return (
    <div class="stack-small">
      <div class="table-scroll">
        <table class="table">
          <caption class="visually-hidden">{text.tally}</caption>
          <thead>
            <tr>
              {labels && <th scope="col">{text.label}</th>}
              <th scope="col">{text.reader}</th><th scope="col" class="number">{first}</th><th scope="col" class="number">{second}</th><th scope="col" class="number">{text.noDifference}</th>
              <th scope="col" class="number" title={text.shareHint}>{text.share}</th><th scope="col" class="number" title={text.pHint}>{text.p}</th>
            </tr>
          </thead>
          <tbody>
            {rows.map((row) => (
              <tr key={`${row.label_id} ${row.reader?.id}`}>
                {labels && <td>{row.label_name ?? text.allLabels}</td>}
                <th scope="row" title={row.reader ? undefined : text.allReadersHint}>{row.reader?.name ?? (item.readers.length > 1 || !manages ? text.allReaders : item.readers[0]?.reader.name)}</th>
                <td class="number">{row.first}</td><td class="number">{row.second}</td><td class="number">{row.none}</td>
                <td class="number">{shareOf(row)}</td><td class="number">{row.p_value === null ? t().common.none : row.p_value < 0.001 ? '< 0.001' : number(row.p_value, 3)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <p class="soft">{text.shareHint}. {text.pHint}.</p>
      <p class="actions-row">
        <a class="button quiet" href={`${path}/tally.csv`} download=""><Icon name="download" size={16} />{text.tally} .csv</a>
        {manages && <a class="button quiet" href={`${path}/votes.csv`} download=""><Icon name="download" size={16} />{text.votes} .csv</a>}
      </p>
    </div>
  )
}

const number = (value: number, digits: number): string => formatNumber(value, language.value, digits)

function shareOf({ share, low, high }: TallyRow): string {
  if (share === null || low === null || high === null) return t().common.none
  const percent = (value: number) => number(100 * value, 0)
  return `${percent(share)} % (${percent(low)}–${percent(high)})`
}
