// The panel of uploads: bytes on their way, the import's progress, and what became of each series and file. It stays
// until it is closed.

import type { ImportResult } from '../api/project_types.ts'
import { formatBytes } from '../i18n/format.ts'
import { language, t } from '../i18n/text.ts'
import { Icon } from './icon.tsx'
import { onDemand } from './on_demand.tsx'
import { countOutcomes, groupFiles, isOver, type Upload, type Uploads } from './uploads.ts'

const TextRiskWarning = onDemand(async () => (await import('./text_risk.tsx')).TextRiskWarning)

const MOST_FILE_ROWS = 50

/** Addresses of a case, and of the page that blanks text in its pixels. */
interface Links { caseHref: (caseId: string) => string; blankHref: (caseId: string, volumeId: string) => string }

export function UploadPanel({ uploads, ...links }: { uploads: Uploads } & Links) {
  const shown = uploads.all.value
  return (
    <section class="upload-panel" aria-label={t().uploads.title}>
      <h2 class="visually-hidden">{t().uploads.title}</h2>
      <ul>
        {shown.map((upload) => (
          <UploadEntry key={upload.id} upload={upload} {...links}
            onStop={() => uploads.stop(upload.id)} onClose={() => uploads.dismiss(upload.id)} />
        ))}
      </ul>
    </section>
  )
}

interface EntryProps extends Links { upload: Upload; onStop: () => void; onClose: () => void }

function UploadEntry({ upload, onStop, onClose, ...links }: EntryProps) {
  const text = t().uploads
  const { job, problem } = upload
  const over = problem !== null || (job !== null && isOver(job))
  const title = upload.kind === 'samples' ? text.samples : upload.kind === 'pulled' ? text.pulled : text.files(upload.fileCount)
  const trouble = problem ?? job?.problem ?? null
  const result = job?.state === 'done' ? (job.result as ImportResult | null) : null
  return (
    <li class="upload">
      <div class="upload-head">
        <div>
          <h3>{title}</h3>
          <p class="soft" aria-live="polite">{phaseText(upload)}</p>
        </div>
        {over
          ? <button type="button" class="icon-button small" aria-label={t().common.close} onClick={onClose}><Icon name="close" size={16} /></button>
          : <button type="button" class="button quiet" onClick={onStop}>{text.cancel}</button>}
      </div>
      {!over && (
        <div class="progress" role="progressbar" aria-label={title} aria-valuemin={0} aria-valuemax={100} aria-valuenow={Math.round(fraction(upload) * 100)}>
          <div style={{ width: `${fraction(upload) * 100}%` }} />
        </div>
      )}
      {trouble && (
        <div class="upload-trouble">
          <Icon name="warning" />
          <div>
            <p>{trouble.detail}</p>
            {(trouble.hint || problem?.code === 'offline') && <p class="soft">{trouble.hint ?? text.connectionHint}</p>}
          </div>
        </div>
      )}
      {result && <Outcomes result={result} {...links} />}
    </li>
  )
}

function Outcomes({ result, caseHref, blankHref }: { result: ImportResult } & Links) {
  const text = t().uploads
  const refused = result.files.filter((file) => file.outcome !== 'imported')
  const groups = groupFiles(refused)
  return (
    <div class="outcomes">
      <p class="outcome-counts">
        {countOutcomes(result.files).map(({ outcome, count }) => (
          <span key={outcome} class={outcome === 'rejected' ? 'tag alert' : 'tag'}>{text.outcomeCount(count, text.outcomes[outcome])}</span>
        ))}
      </p>
      {result.series.length > 0 && (
        <ul class="series-list">
          {result.series.map((series) => (
            <li key={series.volume_id}>
              <Icon name="check" size={16} />
              <div>
                <a href={caseHref(series.case_id)}>{series.name}</a>
                <span class="faint"> {series.modality} · {text.seriesSlices(series.slices)}</span>
                {series.text_risk && <TextRiskWarning risk={series.text_risk} href={blankHref(series.case_id, series.volume_id)} />}
                {series.warnings.length > 0 && (
                  <details>
                    <summary>{t().annotate.warnings(series.warnings.length)}</summary>
                    {series.warnings.map((warning) => <p key={warning} class="soft">{warning}</p>)}
                  </details>
                )}
              </div>
            </li>
          ))}
        </ul>
      )}
      {groups.length > 0 && (
        <details open={groups.some(({ example }) => example.outcome === 'rejected')}>
          <summary>{text.details}</summary>
          <ul class="file-list">
            {groups.slice(0, MOST_FILE_ROWS).map(({ example, count }) => (
              <li key={example.name}>
                <p><span class={example.outcome === 'rejected' ? 'file-outcome wrong' : 'file-outcome'}>{text.outcomes[example.outcome]}</span> <code>{example.name}</code>
                  {count > 1 && <span class="faint"> {text.moreFiles(count - 1)}</span>}</p>
                {example.detail && <p class="soft">{example.detail}</p>}
                {example.hint && <p class="soft">{example.hint}</p>}
              </li>
            ))}
          </ul>
          {groups.length > MOST_FILE_ROWS && <p class="faint">{text.moreFiles(groups.length - MOST_FILE_ROWS)}</p>}
        </details>
      )}
    </div>
  )
}

function fraction({ job, sentBytes, totalBytes }: Upload): number {
  if (job) return job.progress
  return totalBytes > 0 ? Math.min(1, sentBytes / totalBytes) : 0
}

function phaseText({ job, problem, sentBytes, totalBytes }: Upload): string {
  const text = t().uploads
  if (problem) return problem.code === 'aborted' ? text.cancelled : problem.code === 'offline' ? text.connectionLost : problem.title
  if (!job) return text.sending(formatBytes(sentBytes, language.value), formatBytes(totalBytes, language.value))
  switch (job.state) {
    case 'queued': return text.queued
    case 'running': return job.message || text.running
    case 'done': return text.done
    case 'failed': return job.problem?.title ?? text.failed
    case 'cancelled': return text.cancelled
  }
}
