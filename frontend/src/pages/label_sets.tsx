// A project's labels as a set: into other projects and back as a file, by copy, and the versions there were.

import { useRef, useState } from 'preact/hooks'
import type { LabelSetVersion, LabelsTaken, Project } from '../api/project_types.ts'
import type { Label, Page, Problem } from '../api/types.ts'
import { formatDate } from '../i18n/format.ts'
import { labelSetTexts } from '../i18n/label_sets_text.ts'
import { language, t } from '../i18n/text.ts'
import { Dialog } from '../panels/dialog.tsx'
import { Icon } from '../panels/icon.tsx'
import { Menu } from '../panels/menu.tsx'
import { ProblemNotice } from '../panels/problem_notice.tsx'
import { useApp } from './app_state.ts'
import { useLoaded } from './use_loaded.ts'

export interface LabelSetMenuProps {
  project: Project
  edits: boolean
  onLabels: (labels: readonly Label[], exclusive: boolean) => void
  onProblem: (problem: Problem) => void
}

export function LabelSetMenu({ project, edits, onLabels, onProblem }: LabelSetMenuProps) {
  const { api, toasts } = useApp()
  const text = labelSetTexts()
  const file = useRef<HTMLInputElement>(null)
  const [copying, setCopying] = useState(false)
  const base = `/api/projects/${project.id}/labels`

  function took({ labels, added, kept, exclusive, differs }: LabelsTaken): void {
    onLabels(labels, exclusive)
    toasts.say(text.taken(added, kept.length), differs ? text.differs(exclusive) : undefined)
  }
  async function importFile(chosen: File | undefined): Promise<void> {
    if (!chosen) return
    let json: unknown
    try {
      json = JSON.parse(await chosen.text())
    } catch {
      return toasts.say(text.notAFile)
    }
    const answer = await api.post<LabelsTaken>(`${base}/import`, { json })
    if (answer.error) onProblem(answer.error)
    else took(answer.data)
  }
  return (
    <>
      <Menu label={text.more} buttonClass="button" button={<>{text.more}<Icon name="down" size={16} /></>}>
        {edits && <button type="button" role="menuitem" onClick={() => setCopying(true)}><Icon name="copy" />{text.copy}</button>}
        {edits && <button type="button" role="menuitem" onClick={() => file.current!.click()}><Icon name="upload" />{text.importFile}</button>}
        <a role="menuitem" href={`${base}/export`} download={`${project.name}-labels.json`}><Icon name="download" />{text.exportFile}</a>
      </Menu>
      <input ref={file} class="visually-hidden" type="file" accept="application/json,.json" tabIndex={-1} aria-label={text.importFile}
        onChange={(event) => { void importFile(event.currentTarget.files?.[0]); event.currentTarget.value = '' }} />
      {copying && <CopyLabels project={project} onTaken={took} onClose={() => setCopying(false)} />}
    </>
  )
}

function CopyLabels({ project, onTaken, onClose }: { project: Project; onTaken: (taken: LabelsTaken) => void; onClose: () => void }) {
  const { api } = useApp()
  const text = labelSetTexts()
  const [chosen, setChosen] = useState<string | null>(null)
  const [problem, setProblem] = useState<Problem | null>(null)
  const found = useLoaded<Page<Project>>((signal) => api.get('/api/projects', { query: { limit: 100 }, signal }), [])
  const others = found.value?.items.filter(({ id, labels }) => id !== project.id && labels.length > 0) ?? []
  const source = chosen ?? others[0]?.id

  async function copy(): Promise<void> {
    const answer = await api.post<LabelsTaken>(`/api/projects/${project.id}/labels/copy`, { json: { project_id: source } })
    if (answer.error) return setProblem(answer.error)
    onTaken(answer.data)
    onClose()
  }
  const shown = problem ?? found.problem
  return (
    <Dialog title={text.copyTitle} onClose={onClose} onSubmit={() => void copy()}
      footer={<>
        <button type="button" class="button" onClick={onClose}>{t().common.cancel}</button>
        <button class="button primary" disabled={!source}>{text.copySubmit}</button>
      </>}>
      <div class="stack">
        {shown && <ProblemNotice problem={shown} />}
        {found.value && others.length === 0
          ? <p>{text.copyNone}</p>
          : (
            <label class="field"><span class="name">{text.copyFrom}</span>
              <select class="select" value={source} onChange={(event) => setChosen(event.currentTarget.value)}>
                {others.map(({ id, name, labels }) => <option key={id} value={id}>{`${name} (${text.labels(labels.length)})`}</option>)}
              </select>
            </label>
          )}
      </div>
    </Dialog>
  )
}

/** Loaded when somebody looks. */
export function LabelVersions({ project }: { project: Project }) {
  const text = labelSetTexts()
  const [open, setOpen] = useState(false)
  return (
    <details class="card pad" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>{text.version(project.label_set_version)} · {text.versions}</summary>
      <p class="soft">{text.versionsHint}</p>
      {open && <Versions key={project.label_set_version} projectId={project.id} />}
    </details>
  )
}

function Versions({ projectId }: { projectId: string }) {
  const { api } = useApp()
  const text = labelSetTexts()
  const path = `/api/projects/${projectId}/labels/versions`
  const found = useLoaded<Page<LabelSetVersion>>((signal) => api.get(path, { signal }), [path])
  if (found.problem) return <ProblemNotice problem={found.problem} onRetry={found.reload} />
  return (
    <ol class="label-versions">
      {found.value?.items.map(({ version, created_at, author, labels, exclusive }) => (
        <li key={version}>
          <strong>{text.version(version)}</strong>{' '}
          {exclusive && <><span class="tag">{text.exclusiveTag}</span>{' '}</>}
          <span class="soft">{[formatDate(created_at, language.value, new Date()), author?.name].filter(Boolean).join(' · ')}</span>
          <p>{labels.map((label) => String(label['name'])).join(', ')}</p>
        </li>
      ))}
    </ol>
  )
}
