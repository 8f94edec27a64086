// All projects of the person, and the way in for somebody who has none: drop files, or load the sample cases.

import { useState } from 'preact/hooks'
import type { Result } from '../api/client.ts'
import type { LabelIn, Project } from '../api/project_types.ts'
import type { Page } from '../api/types.ts'
import type { NamedFile } from '../api/upload.ts'
import { exchange } from '../i18n/exchange.ts'
import { formatDate, formatMoment } from '../i18n/format.ts'
import { language, t } from '../i18n/text.ts'
import { ANATOMY } from '../panels/anatomy.ts'
import { DropArea } from '../panels/drop_area.tsx'
import { Icon } from '../panels/icon.tsx'
import { draftFromAnatomy, toLabelIn, type LabelDraft } from '../panels/label_drafts.ts'
import { ProblemNotice } from '../panels/problem_notice.tsx'
import { TableSkeleton } from '../panels/skeleton.tsx'
import { UploadButton } from '../panels/upload_button.tsx'
import { useApp } from './app_state.ts'
import { Frame } from './frame.tsx'
import { NewProjectDialog } from './new_project.tsx'
import { ImportProjectDialog } from './import_project.tsx'
import { hrefTo } from './router.ts'
import { useTitle } from './title.ts'
import { usePaged } from './use_paged.ts'
import { roleName } from './words.ts'

export function ProjectsPage() {
  const app = useApp()
  const text = t().projects
  const [creating, setCreating] = useState(false)
  const [importing, setImporting] = useState(false)
  const [archived, setArchived] = useState(false)
  const [loadingSamples, setLoadingSamples] = useState(false)
  const list = usePaged<Project>((cursor, signal) =>
    app.api.get<Page<Project>>('/api/projects', { query: { archived, cursor, limit: 50 }, signal }), [archived])
  useTitle(text.title)

  async function createForDrop(files: NamedFile[]): Promise<void> {
    if (files.length === 0) return app.toasts.say(t().uploads.nothing)
    const name = text.dropName(formatMoment(new Date().toISOString(), language.value))
    const made = await app.api.post<Project>('/api/projects', { json: { name } })
    if (made.error) return app.toasts.problem(made.error)
    void app.uploads.send(made.data.id, files)
    app.router.navigate(hrefTo.project(made.data.id))
  }

  async function loadSamples(): Promise<void> {
    setLoadingSamples(true)
    const project = await samplesProject(list.items ?? [])
    if (project.error) {
      setLoadingSamples(false)
      return app.toasts.problem(project.error)
    }
    void app.uploads.loadSamples(project.data.id)
    app.router.navigate(hrefTo.project(project.data.id))
  }
  async function samplesProject(known: readonly Project[]): Promise<Result<{ id: string }>> {
    const existing = known.find((project) => project.name === text.samplesName && !project.archived)
    if (existing) return { data: existing }
    return app.api.post<Project>('/api/projects', { json: { name: text.samplesName, description: text.samplesDescription, labels: sampleLabels() } })
  }

  const isEmpty = list.items?.length === 0 && !archived
  return (
    <Frame crumbs={[{ label: text.title }]}>
      <DropArea message={text.dropToCreate} onFiles={createForDrop}>
        <div class="page-inner">
          <div class="page-head">
            <div class="titles"><h1>{text.title}</h1></div>
            <div class="actions">
              {!isEmpty && (
                <label class="check quiet"><input type="checkbox" checked={archived} onChange={(event) => setArchived(event.currentTarget.checked)} />{text.showArchived}</label>
              )}
              {app.session.me.value?.is_admin && <button type="button" class="button" onClick={() => setImporting(true)}><Icon name="archive" />{exchange().import.open}</button>}
              <button type="button" class={isEmpty ? 'button' : 'button primary'} onClick={() => setCreating(true)}><Icon name="plus" />{text.create}</button>
            </div>
          </div>
          {list.problem && <ProblemNotice problem={list.problem} onRetry={list.reload} />}
          {!list.items && !list.problem && <TableSkeleton rows={4} />}
          {isEmpty && (
            <div class="empty card invite">
              <Icon name="upload" size={40} />
              <h2>{text.emptyTitle}</h2>
              <p>{text.emptyDetail}</p>
              <div class="actions">
                <UploadButton onFiles={createForDrop} />
                <button type="button" class="button primary" disabled={loadingSamples} onClick={loadSamples}>
                  {loadingSamples ? <span class="spinner" /> : <Icon name="picture" />}{text.loadSamples}
                </button>
              </div>
            </div>
          )}
          {list.items && list.items.length > 0 && <ProjectTable projects={list.items} />}
          {list.items?.length === 0 && archived && <p class="soft card pad">{text.noArchived}</p>}
          {list.more && <button type="button" class="button more" disabled={list.loadingMore} onClick={list.loadMore}>{t().common.loadMore}</button>}
        </div>
      </DropArea>
      {importing && <ImportProjectDialog onClose={() => setImporting(false)} />}
      {creating && (
        <NewProjectDialog onClose={() => setCreating(false)} onCreated={(project) => app.router.navigate(hrefTo.project(project.id))} />
      )}
    </Frame>
  )
}

/** What can be outlined in the sample cases, so that the first click needs no preparation. */
function sampleLabels(): LabelIn[] {
  const labels: Array<Omit<LabelDraft, 'key'>> = []
  for (const name of ['Liver', 'Kidney', 'Spleen', 'Brain', 'Cell']) {
    const anatomy = ANATOMY.find((item) => item.names.en === name)
    if (anatomy) labels.push(draftFromAnatomy(anatomy, language.value, labels))
  }
  return labels.map(toLabelIn)
}

function ProjectTable({ projects }: { projects: readonly Project[] }) {
  const text = t().projects
  return (
    <div class="card">
      <table class="table">
        <thead>
          <tr>
            <th scope="col">{text.columns.name}</th>
            <th scope="col">{text.columns.labels}</th>
            <th scope="col">{text.columns.progress}</th>
            <th scope="col" class="number">{text.columns.cases}</th>
            <th scope="col" class="tight">{text.columns.role}</th>
            <th scope="col" class="tight">{text.columns.created}</th>
          </tr>
        </thead>
        <tbody>
          {projects.map((project) => (
            <tr key={project.id} class="open-row">
              <td class="project-name">
                <a class="row-link" href={hrefTo.project(project.id)}>{project.name}</a>
                {project.archived && <span class="tag">{text.archived}</span>}
                {project.description && <p class="soft ellipsis">{project.description}</p>}
              </td>
              <td><LabelDots project={project} /></td>
              <td><CaseProgress project={project} /></td>
              <td class="number">{project.counts.cases}</td>
              <td class="tight soft">{roleName(project.role)}</td>
              <td class="tight soft" title={formatMoment(project.created_at, language.value)}>{formatDate(project.created_at, language.value, new Date())}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}

const MOST_DOTS = 8

function LabelDots({ project }: { project: Project }) {
  const { labels } = project
  if (labels.length === 0) return <span class="faint">{t().common.none}</span>
  return (
    <span class="label-dots" title={labels.map((label) => label.name).join(', ')} aria-label={t().projects.labels(labels.length)} role="img">
      {labels.slice(0, MOST_DOTS).map((label) => <span key={label.id} class="swatch" style={{ background: label.color }} />)}
      {labels.length > MOST_DOTS && <span class="faint">+{labels.length - MOST_DOTS}</span>}
    </span>
  )
}

/** How far the project is: submitted and accepted cases of all. */
function CaseProgress({ project }: { project: Project }) {
  const { cases, by_state } = project.counts
  if (cases === 0) return <span class="faint">{t().common.none}</span>
  const finished = (by_state.submitted ?? 0) + (by_state.accepted ?? 0)
  const begun = (by_state.in_progress ?? 0) + (by_state.returned ?? 0)
  return (
    <span class="case-progress" title={t().projects.finishedOf(finished, cases)}>
      <span class="case-progress-bar" aria-hidden="true">
        <span class="done" style={{ width: `${(100 * finished) / cases}%` }} />
        <span class="begun" style={{ width: `${(100 * begun) / cases}%` }} />
      </span>
      <span class="soft">{t().projects.finishedOf(finished, cases)}</span>
    </span>
  )
}

