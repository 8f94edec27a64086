// The history of one label on this volume: every accepted change, and the way back to any of them. Going back is a new
// change; nothing is ever lost.

import { useEffect, useState } from 'preact/hooks'
import type { Annotator, LabelState } from '../../annotate/annotator.ts'
import type { Problem, RevisionOut } from '../../api/types.ts'
import { formatMoment, formatNumber } from '../../i18n/format.ts'
import { language, t } from '../../i18n/text.ts'
import { Dialog } from '../dialog.tsx'
import { ProblemNotice } from '../problem_notice.tsx'

export function HistoryDialog({ annotator, label, onClose }: { annotator: Annotator; label: LabelState; onClose: () => void }) {
  const text = t().history
  const [revisions, setRevisions] = useState<readonly RevisionOut[] | null | undefined>(undefined)
  const [problem, setProblem] = useState<Problem | null>(null)
  useEffect(() => {
    annotator.setActiveLabel(label.id) // the annotator's history is the active label's
    void annotator.history().then(setRevisions)
  }, [])

  async function restore(revision: RevisionOut): Promise<void> {
    const refused = await annotator.restore(revision.sequence)
    setProblem(refused)
    if (!refused) onClose()
  }
  return (
    <Dialog title={text.title(label.name)} onClose={onClose}>
      {problem && <ProblemNotice problem={problem} />}
      {revisions === undefined && <p class="soft"><span class="spinner" /> {t().common.loading}</p>}
      {revisions === null && <p class="soft">{text.unknown}</p>}
      {revisions?.length === 0 && <p class="soft">{text.empty}</p>}
      {revisions && revisions.length > 0 && (
        <ol class="history rows">
          {revisions.map((revision, index) => (
            <li key={revision.id}>
              <div class="grow">
                <p>{originName(revision.origin)} <span class="faint">{text.change(revision.slices.map((slice) => slice + 1), formatNumber(revision.flipped_voxels, language.value))}</span></p>
                <p class="soft">{formatMoment(revision.created_at, language.value)}{revision.author_name && `, ${revision.author_name}`}</p>
              </div>
              {index === 0
                ? <span class="tag">{text.now}</span>
                : <button type="button" class="button quiet" onClick={() => void restore(revision)}>{text.restore}</button>}
            </li>
          ))}
        </ol>
      )}
    </Dialog>
  )
}

function originName(origin: string): string {
  const names: Readonly<Record<string, string>> = t().history.origins
  return names[origin] ?? origin
}
