// Whose masks of a case go out: those that the server chooses, or one reader's. It asks who drew when its menu opens.

import { useId } from 'preact/hooks'
import type { Case, Reader } from '../api/project_types.ts'
import type { Page } from '../api/types.ts'
import { t } from '../i18n/text.ts'
import { useApp } from './app_state.ts'
import { useLoaded } from './use_loaded.ts'

interface WhoseMasksProps {
  item: Case
  /** null: as the server chooses. */
  whose: string | null
  onWhose: (whose: string | null) => void
}

export function WhoseMasks({ item, whose, onWhose }: WhoseMasksProps) {
  const { api, session } = useApp()
  const readers = useLoaded<Page<Reader>>((signal) => api.get(`/api/cases/${item.id}/readers`, { signal }), [item.id])
  const id = useId()
  const text = t().project.whoseMasks
  const me = session.me.value!.id
  return (
    <div class="field menu-field">
      <label class="name" for={id}>{text.title}</label>
      <select id={id} class="select" value={whose ?? ''} onChange={(event) => onWhose(event.currentTarget.value || null)}>
        <option value="">{item.result_by ? text.accepted(item.result_by.name) : text.usual}</option>
        {readers.value?.items.map(({ person }) => <option key={person.id} value={person.id}>{person.id === me ? text.mine : person.name}</option>)}
      </select>
    </div>
  )
}
