// Over the picture of a case in which nobody draws any more: why, and the way out where there is one.

import { useState } from 'preact/hooks'
import type { CaseState } from '../api/project_types.ts'
import { team } from '../i18n/team.ts'
import { t } from '../i18n/text.ts'
import { Icon } from '../panels/icon.tsx'

export interface LockedNoticeProps {
  state: CaseState
  /** To whom the case is assigned, where that is somebody else; null: nobody, or who looks. */
  assigned: string | null
  /** What the person may make of the case. */
  moves: readonly CaseState[]
  onMove: (to: CaseState) => void
}

export function LockedNotice({ state, assigned, moves, onMove }: LockedNoticeProps) {
  const text = team().locked
  const [read, setRead] = useState(false)
  if (read) return null
  const open = state !== 'accepted' && state !== 'submitted'
  const title = open ? text.ofAnother(assigned ?? '') : state === 'accepted' ? text.accepted : text.submitted
  const way = moves.includes('in_progress') ? 'in_progress' : moves.includes('returned') ? 'returned' : null
  return (
    <div class="lease-notice notice" role="status">
      <Icon name="check" />
      <div>
        <h3>{title}</h3>
        <p class="soft">{open ? text.ofAnotherHint : way === 'in_progress' ? text.takeBackHint : way === 'returned' ? text.returnHint : state === 'accepted' ? text.askManagerHint : text.askHint}</p>
        {way && (
          <div class="actions">
            <button type="button" class="button" onClick={() => onMove(way)}>{way === 'in_progress' ? text.takeBack : text.sendBack}</button>
          </div>
        )}
      </div>
      <button type="button" class="icon-button small" aria-label={t().common.close} onClick={() => setRead(true)}><Icon name="close" size={16} /></button>
    </div>
  )
}
