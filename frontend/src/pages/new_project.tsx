// The dialog that makes a project: name, description, privacy, labels.

import { useId, useState } from 'preact/hooks'
import type { Privacy, Project } from '../api/project_types.ts'
import type { Problem } from '../api/types.ts'
import { t } from '../i18n/text.ts'
import { Dialog } from '../panels/dialog.tsx'
import { faultOfDrafts, toLabelIn, type LabelDraft } from '../panels/label_drafts.ts'
import { LabelEditor } from '../panels/label_editor.tsx'
import { ProblemNotice } from '../panels/problem_notice.tsx'
import { useApp } from './app_state.ts'
import { PrivacyChoice } from './privacy_choice.tsx'

export function NewProjectDialog({ onClose, onCreated }: { onClose: () => void; onCreated: (project: Project) => void }) {
  const { api } = useApp()
  const text = t().newProject
  const [name, setName] = useState('')
  const [description, setDescription] = useState('')
  const [drafts, setDrafts] = useState<LabelDraft[]>([])
  const [policy, setPolicy] = useState<Privacy>('retain-uids')
  const [busy, setBusy] = useState(false)
  const [wrong, setWrong] = useState<'name' | 'labels' | null>(null)
  const [problem, setProblem] = useState<Problem | null>(null)
  const id = useId()
  const fault = faultOfDrafts(drafts)

  async function create(): Promise<void> {
    setWrong(name.trim() === '' ? 'name' : fault ? 'labels' : null)
    if (name.trim() === '' || fault) return
    setBusy(true)
    const answer = await api.post<Project>('/api/projects', {
      json: { name: name.trim(), description: description.trim(), labels: drafts.map(toLabelIn), privacy: policy },
    })
    setBusy(false)
    if (answer.error) setProblem(answer.error)
    else onCreated(answer.data)
  }
  return (
    <Dialog title={text.title} broad onClose={onClose} onSubmit={create} footer={<>
      <button type="button" class="button quiet" onClick={onClose}>{t().common.cancel}</button>
      <button class="button primary" disabled={busy}>{busy && <span class="spinner" />}{text.submit}</button>
    </>}>
      <div class="stack">
        {problem && <ProblemNotice problem={problem} />}
        <div class="field">
          <label class="name" for={`${id}n`}>{text.name}</label>
          <input id={`${id}n`} class="input" autoFocus maxLength={120} value={name} placeholder={text.namePlaceholder}
            aria-invalid={wrong === 'name'} onInput={(event) => { setName(event.currentTarget.value); setWrong(null) }} />
          {wrong === 'name' && <p class="wrong" role="alert">{text.nameMissing}</p>}
        </div>
        <div class="field">
          <label class="name" for={`${id}d`}>{text.description} <span class="faint">({t().common.optional})</span></label>
          <textarea id={`${id}d`} class="input" rows={2} value={description} placeholder={text.descriptionPlaceholder}
            onInput={(event) => setDescription(event.currentTarget.value)} />
        </div>
        <PrivacyChoice value={policy} onChange={setPolicy} />
        <fieldset class="field labels-field">
          <legend class="name">{text.labels}</legend>
          <p class="hint">{text.labelsHint}</p>
          <LabelEditor drafts={drafts} onChange={(next) => { setDrafts(next); setWrong(null) }} />
          {wrong === 'labels' && fault && (
            <p class="wrong" role="alert">{fault.kind === 'twice' ? t().labels.nameTwice(fault.name) : t().labels.nameMissing}</p>
          )}
        </fieldset>
      </div>
    </Dialog>
  )
}
