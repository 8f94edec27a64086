// One project: its head, its tabs, and dropping files on any of them.

import { useEffect } from 'preact/hooks'
import type { DicomServers, Project } from '../api/project_types.ts'
import type { NamedFile } from '../api/upload.ts'
import { team } from '../i18n/team.ts'
import { t } from '../i18n/text.ts'
import { DropArea } from '../panels/drop_area.tsx'
import { Icon } from '../panels/icon.tsx'
import { onDemand } from '../panels/on_demand.tsx'
import { ProblemNotice } from '../panels/problem_notice.tsx'
import { TableSkeleton } from '../panels/skeleton.tsx'
import { UploadButton } from '../panels/upload_button.tsx'
import { useApp } from './app_state.ts'
import { AuditList } from './audit_list.tsx'
import { Frame } from './frame.tsx'
import { may } from './permissions.ts'
import { ProjectCases } from './project_cases.tsx'
import { ProjectLabels } from './project_labels.tsx'
import { ProjectMembers } from './project_members.tsx'
import { ProjectSettings } from './project_settings.tsx'
import { ProjectStatistics } from './project_statistics.tsx'
import { hrefTo, type ProjectTab } from './router.ts'
import { useTitle } from './title.ts'
import { useLoaded, type Loaded } from './use_loaded.ts'

const ProjectServers = onDemand(async () => (await import('./project_servers.tsx')).ProjectServers)
const ProjectEvaluation = onDemand(async () => (await import('./project_evaluation.tsx')).ProjectEvaluation)
const ProjectComparisons = onDemand(async () => (await import('./project_comparisons.tsx')).ProjectComparisons)
const ProjectModels = onDemand(async () => (await import('./project_models.tsx')).ProjectModels)

export function ProjectPage({ projectId, tab }: { projectId: string; tab: ProjectTab }) {
  const app = useApp()
  const project = useLoaded<Project>((signal) => app.api.get(`/api/projects/${projectId}`, { signal }), [projectId])
  const finishedImports = app.uploads.all.value
    .filter((upload) => upload.projectId === projectId && upload.job?.state === 'done').length
  useEffect(() => { if (finishedImports > 0) void project.reload() }, [finishedImports])
  const mayExport = project.value !== null && may(project.value.role, 'export')
  const servers = useLoaded<DicomServers>(async (signal) => (
    mayExport ? app.api.get(`/api/projects/${projectId}/dicom-servers`, { signal }) : { data: { items: [] } }
  ), [projectId, mayExport])
  useTitle(project.value?.name)

  const value = project.value
  const mayUpload = value !== null && may(value.role, 'upload') && !value.archived
  function upload(files: NamedFile[]): void {
    if (files.length === 0) app.toasts.say(t().uploads.nothing)
    else void app.uploads.send(projectId, files)
  }
  return (
    <Frame crumbs={[{ label: value?.name ?? '…' }]}>
      <DropArea disabled={!mayUpload} message={t().project.dropHere} onFiles={upload}>
        <div class="page-inner">
          {project.problem && <ProblemNotice problem={project.problem} onRetry={project.reload} />}
          {!value && !project.problem && <ProjectSkeleton />}
          {value && (
            <>
              <div class="page-head">
                <div class="titles">
                  <h1>{value.name}</h1>
                  {value.description && <p>{value.description}</p>}
                </div>
                {mayUpload && value.counts.cases > 0 && <div class="actions"><UploadButton primary={tab === 'cases'} onFiles={upload} /></div>}
              </div>
              {value.archived && <div class="notice"><Icon name="archive" /><p>{t().project.archivedNotice}</p></div>}
              <Tabs project={value} tab={tab} hasServers={(servers.value?.items.length ?? 0) > 0} />
              <TabContent project={project} value={value} tab={tab} servers={servers.value?.items ?? []} imports={finishedImports} onUpload={mayUpload ? upload : null} />
            </>
          )}
        </div>
      </DropArea>
    </Frame>
  )
}

function Tabs({ project, tab, hasServers }: { project: Project; tab: ProjectTab; hasServers: boolean }) {
  const text = t().project
  const tabs: ReadonlyArray<{ id: ProjectTab; label: string; count?: number }> = [
    { id: 'cases', label: text.tabCases, count: project.counts.cases },
    { id: 'labels', label: text.tabLabels, count: project.labels.length },
    { id: 'members', label: text.tabMembers },
    { id: 'models', label: text.tabModels },
    ...(may(project.role, 'review') ? [{ id: 'evaluation' as const, label: text.tabEvaluation }] : []),
    ...(may(project.role, 'review') ? [{ id: 'comparisons' as const, label: team().comparisons }] : []),
    ...(may(project.role, 'review') ? [{ id: 'statistics' as const, label: team().statistics.tab }] : []),
    ...(hasServers && may(project.role, 'upload') && !project.archived ? [{ id: 'servers' as const, label: team().servers.tab }] : []),
    ...(may(project.role, 'manage') ? [{ id: 'log' as const, label: team().statistics.logTab }, { id: 'settings' as const, label: text.tabSettings }] : []),
  ]
  return (
    <nav class="tabs" aria-label={project.name}>
      {tabs.map(({ id, label, count }) => (
        <a key={id} href={hrefTo.project(project.id, id)} aria-current={id === tab ? 'page' : undefined}>
          {label}{count !== undefined && <span class="count">{count}</span>}
        </a>
      ))}
    </nav>
  )
}

interface TabContentProps {
  project: Loaded<Project>
  value: Project
  tab: ProjectTab
  servers: readonly string[]
  imports: number
  onUpload: ((files: NamedFile[]) => void) | null
}

function TabContent({ project, value, tab, servers, imports, onUpload }: TabContentProps) {
  switch (tab) {
    case 'cases': return <ProjectCases project={value} servers={servers} imports={imports} onUpload={onUpload} />
    case 'labels': return <ProjectLabels project={value} onChanged={project.put} />
    case 'members': return <ProjectMembers project={value} />
    case 'models': return <ProjectModels project={value} onChanged={project.put} />
    case 'evaluation': return <ProjectEvaluation project={value} />
    case 'comparisons': return <ProjectComparisons project={value} />
    case 'statistics': return <ProjectStatistics project={value} />
    case 'servers': return <ProjectServers key={servers.join()} project={value} servers={servers} onPulled={() => void project.reload()} />
    case 'log': return <AuditList projectId={value.id} />
    case 'settings': return <ProjectSettings project={value} onChanged={project.put} />
  }
}

function ProjectSkeleton() {
  return (
    <>
      <div class="page-head"><div class="titles"><h1><span class="skeleton line" /></h1></div></div>
      <TableSkeleton rows={6} />
    </>
  )
}
