// One finished evaluation: its report as it was written, its files, and what its figures were measured with.

import type { Evaluation, EvaluationResult } from '../api/evaluation_types.ts'
import { evaluationTexts } from '../i18n/evaluation_text.ts'
import { formatBytes, formatMoment, formatNumber } from '../i18n/format.ts'
import { language } from '../i18n/text.ts'
import { Icon } from '../panels/icon.tsx'
import { ProblemNotice } from '../panels/problem_notice.tsx'
import { ReportText } from '../panels/report_text.tsx'
import { useApp } from './app_state.ts'
import { useLoaded } from './use_loaded.ts'

const REPORT = 'report.md'
const ARCHIVE = 'report.zip'

export function EvaluationReport({ run }: { run: Evaluation }) {
  const { api } = useApp()
  const text = evaluationTexts()
  const base = `/api/evaluations/${run.id}`
  const fileHref = (name: string) => (run.result?.files.some((file) => file.name === name) ? `${base}/files/${name}` : null)
  const report = useLoaded<string>(async (signal) => {
    const answer = await api.bytes(`${base}/files/${REPORT}`, { signal })
    return answer.error ? answer : { data: new TextDecoder().decode(answer.data) }
  }, [base])
  if (!run.result) return null
  const files = run.result.files.filter((file) => file.name !== ARCHIVE)
  return (
    <section id={`report-${run.id}`} class="card pad stack evaluation-report">
      <div class="page-head tight-head">
        <div class="titles">
          <h2>{text.report}</h2>
          <p class="soft">{text.reportOf(formatMoment(run.created_at, language.value), run.author)} {text.reportLanguage}</p>
        </div>
        <div class="actions"><a class="button" href={`${base}/download`} download><Icon name="download" />{text.download}</a></div>
      </div>
      {report.problem && <ProblemNotice problem={report.problem} onRetry={report.reload} />}
      {report.value === null && !report.problem && <p class="soft">{text.reportLoading}</p>}
      {report.value !== null && <div class="report stack" lang="en"><ReportText markdown={report.value} fileHref={fileHref} /></div>}
      <Provenance run={run} result={run.result} />
      <details>
        <summary>{text.files}</summary>
        <ul class="file-links">
          {files.map((file) => (
            <li key={file.name}><a href={`${base}/files/${file.name}`} download>{file.name}</a> <span class="faint">{formatBytes(file.size_bytes, language.value)}</span></li>
          ))}
        </ul>
      </details>
    </section>
  )
}

function Provenance({ run, result }: { run: Evaluation; result: EvaluationResult }) {
  const text = evaluationTexts()
  const slices = result.references.reduce((sum, reference) => sum + reference.slices, 0)
  const version = result.code_commit ? `${result.code_version} (${result.code_commit})` : result.code_version
  return (
    <details>
      <summary>{text.provenance}</summary>
      <dl class="facts">
        <div><dt>{text.model}</dt><dd>{result.model} <code>{result.model_checksum.slice(0, 12)}</code></dd></div>
        <div><dt>{text.code}</dt><dd>sammed {version}</dd></div>
        <div><dt>{text.seed}</dt><dd>{run.settings.seed}</dd></div>
        <div><dt>{text.took}</dt><dd>{text.tookSeconds(formatNumber(result.seconds, language.value))}</dd></div>
        <div><dt>{text.references}</dt><dd>{text.referencesOf(result.references.length, slices)}</dd></div>
        {result.left_out.length > 0 && <div><dt>{text.leftOut}</dt><dd><ul lang="en">{result.left_out.map((sentence) => <li key={sentence}>{sentence}</li>)}</ul></dd></div>}
      </dl>
    </details>
  )
}
