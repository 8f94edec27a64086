// What the rules of the labels found when a case was about to be submitted: each finding leads to its slice.

import type { SubmitFinding } from '../api/project_types.ts'
import { labelSetTexts } from '../i18n/label_sets_text.ts'
import { Dialog } from '../panels/dialog.tsx'
import { Icon } from '../panels/icon.tsx'

export interface SubmitFindingsProps {
  findings: readonly SubmitFinding[]
  onFinding: (finding: SubmitFinding) => void
  onConfirm: () => void
  onClose: () => void
}

export function SubmitFindings({ findings, onFinding, onConfirm, onClose }: SubmitFindingsProps) {
  const text = labelSetTexts()
  const blocked = findings.some(({ level }) => level === 'block')
  return (
    <Dialog title={text.findingsTitle} onClose={onClose}
      footer={<>
        <button type="button" class="button" onClick={onClose}>{text.correct}</button>
        {!blocked && <button type="button" class="button primary" onClick={onConfirm}>{text.submitAnyway}</button>}
      </>}>
      <p class="soft">{blocked ? text.blocked : text.confirmable}</p>
      <ul class="submit-findings">
        {findings.map((finding) => (
          <li key={`${finding.volume_id} ${finding.label_id} ${finding.rule}`}>
            <button type="button" class={`button quiet ${finding.level}`} onClick={() => onFinding(finding)}>
              <Icon name="warning" size={16} />
              <span><strong>{finding.label}</strong>: {text.findings[finding.rule](finding.amount)}</span>
              <span class="soft">{[text.levels[finding.level], finding.slice === null ? finding.volume : text.slice(finding.slice + 1)].join(' · ')}</span>
            </button>
          </li>
        ))}
      </ul>
    </Dialog>
  )
}
