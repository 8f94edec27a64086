// Adding a label to the project from the annotate page.

import { useState } from 'preact/hooks'
import type { Client } from '../../api/client.ts'
import type { LabelIn } from '../../api/project_types.ts'
import type { Label, Problem } from '../../api/types.ts'
import { language, t } from '../../i18n/text.ts'
import { AnatomySearch } from '../anatomy_search.tsx'
import { Dialog } from '../dialog.tsx'
import { draftByHand, draftFromAnatomy, toLabelIn } from '../label_drafts.ts'
import { ProblemNotice } from '../problem_notice.tsx'

export interface AddLabelProps {
  api: Client
  projectId: string
  labels: ReadonlyArray<{ readonly name: string; readonly color: string; readonly shortcut?: string | null }>
  onClose: () => void
  onAdded: (label: Label) => void
}

export function AddLabelDialog({ api, projectId, labels, onClose, onAdded }: AddLabelProps) {
  const [problem, setProblem] = useState<Problem | null>(null)
  async function add(label: LabelIn): Promise<void> {
    const answer = await api.post<Label>(`/api/projects/${projectId}/labels`, { json: label })
    setProblem(answer.error ?? null)
    if (answer.data) onAdded(answer.data)
  }
  return (
    <Dialog title={t().annotate.addLabel} onClose={onClose}>
      <div class="add-label stack">
        {problem && <ProblemNotice problem={problem} />}
        <AnatomySearch autoFocus onAnatomy={(anatomy) => void add(toLabelIn(draftFromAnatomy(anatomy, language.value, labels)))}
          onOwn={(name) => void add(toLabelIn(draftByHand(name, labels)))} />
        <p class="faint">{t().labels.addHint}</p>
      </div>
    </Dialog>
  )
}
