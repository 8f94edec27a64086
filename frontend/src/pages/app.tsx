// From address to page, and the gate: who is not signed in sees the sign-in page and comes back to where they wanted.

import { useSignalEffect } from '@preact/signals'
import { useEffect, useState } from 'preact/hooks'
import type { Problem } from '../api/types.ts'
import { t } from '../i18n/text.ts'
import { onDemand } from '../panels/on_demand.tsx'
import { ProblemNotice } from '../panels/problem_notice.tsx'
import { ToastList } from '../panels/toasts.tsx'
import { useApp } from './app_state.ts'
import { Frame } from './frame.tsx'
import { hrefTo } from './router.ts'

const UploadPanel = onDemand(async () => (await import('../panels/upload_panel.tsx')).UploadPanel)
const LoginPage = onDemand(async () => (await import('./login.tsx')).LoginPage)
const ProjectsPage = onDemand(async () => (await import('./projects.tsx')).ProjectsPage)
const ProjectPage = onDemand(async () => (await import('./project.tsx')).ProjectPage)
const AnnotatePage = onDemand(async () => (await import('./annotate.tsx')).AnnotatePage)
const BlankPage = onDemand(async () => (await import('./blank.tsx')).BlankPage)
const JudgePage = onDemand(async () => (await import('./judge.tsx')).JudgePage)
const WorkPage = onDemand(async () => (await import('./work.tsx')).WorkPage)
const PeoplePage = onDemand(async () => (await import('./people.tsx')).PeoplePage)
const AccountPage = onDemand(async () => (await import('./account.tsx')).AccountPage)

/** Pages whose picture nothing lies over. */
const PICTURES_ALONE: ReadonlySet<string> = new Set(['annotate', 'blank', 'judge'])

export function AppView() {
  const app = useApp()
  return (
    <>
      <Page />
      {app.session.me.value && app.uploads.all.value.length > 0 && !PICTURES_ALONE.has(app.router.route.value.page) && <UploadPanel uploads={app.uploads} caseHref={hrefTo.annotate} blankHref={hrefTo.blank} />}
      <ToastList toasts={app.toasts} />
    </>
  )
}

function Page() {
  const app = useApp()
  const [problem, setProblem] = useState<Problem | null>(null)
  const route = app.router.route.value
  const me = app.session.me.value
  const gateClosed = me === null || (me?.must_set_password ?? false)

  const load = async (): Promise<void> => setProblem(await app.session.load())
  useEffect(() => { if (route.page !== 'login' || route.token === null) void load() }, [])
  useSignalEffect(() => {
    if (app.session.me.value) app.system.start()
    else app.system.stop()
  })
  useEffect(() => {
    if (gateClosed && route.page !== 'login') {
      app.router.navigate(hrefTo.login(location.pathname + location.search), { replace: true })
    }
  }, [gateClosed, route.page])

  if (route.page === 'login') return <LoginPage token={route.token} next={route.next} failed={route.failed} />
  if (problem) return <div class="page-inner narrow"><ProblemNotice problem={problem} onRetry={load} /></div>
  if (!me || gateClosed) return null

  switch (route.page) {
    case 'projects': return <ProjectsPage />
    case 'project': return <ProjectPage key={route.projectId} projectId={route.projectId} tab={route.tab} />
    case 'annotate': return <AnnotatePage key={`${route.caseId} ${route.volumeId ?? ''}`} caseId={route.caseId} volumeId={route.volumeId} readerId={route.readerId} />
    case 'blank': return <BlankPage key={route.caseId} caseId={route.caseId} volumeId={route.volumeId} />
    case 'judge': return <JudgePage key={route.comparisonId} comparisonId={route.comparisonId} />
    case 'account': return <AccountPage />
    case 'work': return <WorkPage />
    case 'people': return <PeoplePage tab={route.tab} />
    case 'missing': return <MissingPage />
  }
}

function MissingPage() {
  const text = t().shell
  useEffect(() => { document.title = `${text.notFoundTitle} – ${t().common.appName}` }, [])
  return (
    <Frame>
      <div class="empty">
        <h1>{text.notFoundTitle}</h1>
        <p>{text.notFoundDetail}</p>
        <div class="actions"><a class="button primary" href={hrefTo.projects()}>{text.toProjects}</a></div>
      </div>
    </Frame>
  )
}
