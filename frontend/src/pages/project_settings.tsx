// A project's name and description, who sees what, and archiving it.

import { useId, useState } from 'preact/hooks'
import type { Privacy, Project, ProjectWindows as Windows } from '../api/project_types.ts'
import type { Problem } from '../api/types.ts'
import { team } from '../i18n/team.ts'
import { t } from '../i18n/text.ts'
import { ProblemNotice } from '../panels/problem_notice.tsx'
import { useApp } from './app_state.ts'
import { ProjectExport } from './project_export.tsx'
import { ProjectPrivacy } from './project_privacy.tsx'
import { ProjectWebhooks } from './project_webhooks.tsx'
import { ProjectWindows } from './project_windows.tsx'
import { hrefTo } from './router.ts'

type Changes = { name?: string; description?: string; archived?: boolean; own_cases_only?: boolean; privacy?: Privacy; keep_originals?: boolean; windows?: Windows }

export function ProjectSettings({ project, onChanged }: { project: Project; onChanged: (project: Project) => void }) {
  const { api, router, toasts } = useApp()
  const text = t().settings
  const [name, setName] = useState(project.name)
  const [description, setDescription] = useState(project.description)
  const [problem, setProblem] = useState<Problem | null>(null)
  const id = useId()
  const unchanged = name.trim() === project.name && description.trim() === project.description

  async function change(changes: Changes): Promise<boolean> {
    const answer = await api.patch<Project>(`/api/projects/${project.id}`, { json: changes })
    setProblem(answer.error ?? null)
    if (answer.data) onChanged(answer.data)
    return !answer.error
  }
  async function save(event: Event): Promise<void> {
    event.preventDefault()
    if (await change({ name: name.trim(), description: description.trim() })) toasts.say(t().common.saved)
  }
  async function archive(): Promise<void> {
    if (!(await change({ archived: true }))) return
    toasts.say(text.archiveDone(project.name))
    router.navigate(hrefTo.projects())
  }
  return (
    <div class="stack tab-body narrow">
      {problem && <ProblemNotice problem={problem} />}
      <form class="card pad stack" onSubmit={save}>
        <h2>{text.about}</h2>
        <div class="field">
          <label class="name" for={`${id}n`}>{t().newProject.name}</label>
          <input id={`${id}n`} class="input" required maxLength={120} value={name} disabled={project.archived} onInput={(event) => setName(event.currentTarget.value)} />
        </div>
        <div class="field">
          <label class="name" for={`${id}d`}>{t().newProject.description}</label>
          <textarea id={`${id}d`} class="input" rows={3} value={description} disabled={project.archived} onInput={(event) => setDescription(event.currentTarget.value)} />
        </div>
        <div><button class="button" disabled={unchanged}>{t().common.save}</button></div>
      </form>
      <section class="card pad stack">
        <h2>{team().ownCases.title}</h2>
        <label class="check">
          <input type="checkbox" checked={project.own_cases_only} disabled={project.archived} aria-describedby={`${id}o`}
            onChange={(event) => void change({ own_cases_only: event.currentTarget.checked })} />
          {team().ownCases.label}
        </label>
        <p id={`${id}o`} class="soft">{team().ownCases.hint}</p>
      </section>
      <ProjectWindows project={project} onChange={(windows) => change({ windows })} />
      <ProjectPrivacy project={project} onChange={(changes) => void change(changes)} />
      <ProjectExport project={project} />
      <ProjectWebhooks projectId={project.id} />
      <section class="card pad stack">
        <h2>{text.archiveTitle}</h2>
        <p class="soft">{text.archiveDetail}</p>
        <div>
          {project.archived
            ? <button type="button" class="button" onClick={() => void change({ archived: false })}>{text.unarchive}</button>
            : <button type="button" class="button danger" onClick={() => void archive()}>{text.archive}</button>}
        </div>
      </section>
    </div>
  )
}
