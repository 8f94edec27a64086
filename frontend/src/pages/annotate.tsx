// The annotate page: opens a case, then stands around the annotator. Loading, opening and failing have the same frame as
// the open page, so that nothing moves.

import { useEffect, useMemo, useState } from 'preact/hooks'
import { askForVolume } from '../annotate/asked_ahead.ts'
import { openAnnotator, type Annotator, type PageCommands, type WindowLevel } from '../annotate/controller.ts'
import { ApiError, problem as makeProblem } from '../api/client.ts'
import type { Case, CasePlace, CaseState, Project, Reader, SubmitFinding, VolumeBrief, WorkItem } from '../api/project_types.ts'
import type { Page, Problem, ProposalBrief } from '../api/types.ts'
import { team } from '../i18n/team.ts'
import { t } from '../i18n/text.ts'
import { AnnotateView, type AnnotateDialog } from '../panels/annotate/annotate_view.tsx'
import { presetName } from '../panels/annotate/preset_key.ts'
import { SavingStateView } from '../panels/annotate/saving_state.tsx'
import { Icon } from '../panels/icon.tsx'
import { Menu } from '../panels/menu.tsx'
import { onDemand } from '../panels/on_demand.tsx'
import { ProblemNotice } from '../panels/problem_notice.tsx'
import { useApp } from './app_state.ts'
import type { ReviewPanel } from './case_review.tsx'
import { isLocked, mayCorrect, mayImportMasks, movesFor } from './case_moves.ts'
import { Frame } from './frame.tsx'
import { may } from './permissions.ts'
import { hrefTo } from './router.ts'
import { useTitle } from './title.ts'
import { useLease } from './use_lease.ts'
import { useLoaded } from './use_loaded.ts'
import { withFirst } from './window_first.ts'
import { stateName } from './words.ts'

/** As many as the server names at once. */
const MOST_PICTURES = 1000

const CaseReview = onDemand(async () => (await import('./case_review.tsx')).CaseReview)
const ImportMasks = onDemand(async () => (await import('./import_masks.tsx')).ImportMasksDialog)
const LeaseNotice = onDemand(async () => (await import('./lease_notice.tsx')).LeaseNotice)
const SubmitFindings = onDemand(async () => (await import('./submit_findings.tsx')).SubmitFindings)
const LockedNotice = onDemand(async () => (await import('./locked_notice.tsx')).LockedNotice)

/** `readers`: who drew, for those who review. */
interface OpenCase { readonly item: Case; readonly project: Project; readonly readers: readonly Reader[] }

interface AnnotatePageProps {
  caseId: string
  volumeId: string | null
  /** Whose masks are shown: a person's id, `own`, or null for who reviews a submitted case: its reader. */
  readerId: string | null
}

export function AnnotatePage({ caseId, volumeId, readerId }: AnnotatePageProps) {
  const { api, early, session } = useApp()
  const opened = useLoaded<OpenCase>(async (signal) => {
    const item = await api.get<Case>(`/api/cases/${caseId}`, { signal })
    if (item.error) return item
    askForVolume(early, item.data, volumeId, readerId)
    const project = await api.get<Project>(`/api/projects/${item.data.project_id}`, { signal })
    if (project.error) return project
    if (!may(project.data.role, 'review')) return { data: { item: item.data, project: project.data, readers: [] } }
    const readers = await api.get<Page<Reader>>(`/api/cases/${caseId}/readers`, { signal })
    return readers.error ? readers : { data: { item: item.data, project: project.data, readers: readers.data.items } }
  }, [caseId])
  const place = useLoaded<CasePlace>((signal) => api.get(`/api/cases/${caseId}/place`, { signal }), [caseId])

  useTitle(opened.value?.item.name, opened.value?.project.name)
  if (opened.problem) return <Frame banner={false} far={null}><div class="page-inner narrow"><ProblemNotice problem={opened.problem} onRetry={opened.reload} /></div></Frame>
  if (!opened.value) return <Frame banner={false} far={null} crumbs={[{ label: '…' }]}><AnnotateSkeleton /></Frame>
  const { item, project } = opened.value
  const me = session.me.value!.id
  const readers = opened.value.readers.filter(({ person }) => person.id !== me)
  const drewMyself = readers.length < opened.value.readers.length
  const submittedBy = item.state === 'submitted' && !drewMyself ? readers.find(({ person }) => person.id === item.assignee?.id) ?? readers.find(({ is_program: program }) => !program) ?? readers[0] : undefined
  const counts = item.state === 'accepted' ? readers.find(({ person }) => person.id === item.result_by?.id) : submittedBy
  const shown = readerId === null ? counts?.person.id ?? null : readers.find(({ person }) => person.id === readerId)?.person.id ?? null
  const volume = item.volumes.find(({ id }) => id === volumeId) ?? item.volumes[0]
  if (!volume) return <Frame banner={false} far={null} crumbs={crumbsOf(opened.value)}><div class="empty"><h1>{t().annotate.noSeries}</h1></div></Frame>
  return <OpenVolume key={`${volume.id} ${shown ?? ''}`} item={item} project={project} readers={readers} readerId={shown} volume={volume} place={place.value} onCase={(next) => opened.put({ ...opened.value!, item: next })} onProject={(next) => opened.put({ ...opened.value!, project: next })} onChanged={() => void opened.reload()} />
}

function crumbsOf({ item, project }: Pick<OpenCase, 'item' | 'project'>) {
  return [{ label: project.name, href: hrefTo.project(project.id) }, { label: item.name }]
}

interface OpenVolumeProps extends OpenCase {
  volume: VolumeBrief
  place: CasePlace | null
  /** Somebody else whose masks are looked at. */
  readerId: string | null
  onCase: (item: Case) => void
  onProject: (project: Project) => void
  /** Readings of the case changed: it is read again. */
  onChanged: () => void
}

function OpenVolume({ item, project, readers, readerId, volume, place, onCase, onProject, onChanged }: OpenVolumeProps) {
  const { api, router, session, system, toasts } = useApp()
  const text = t().annotate
  const [annotator, setAnnotator] = useState<Annotator | null>(null)
  const [problem, setProblem] = useState<Problem | null>(null)
  const [attempt, setAttempt] = useState(0)
  const [dialog, setDialog] = useState<AnnotateDialog | null>(null)
  const [panel, setPanel] = useState<ReviewPanel>(null)
  const [findings, setFindings] = useState<readonly SubmitFinding[] | null>(null)
  const locked = isLocked(item, project.role, session.me.value!.id)
  const mayDrawHere = may(project.role, 'annotate') && !project.archived && readerId === null && !locked
  const corrects = !project.archived && !readers.some(({ person, is_program: program }) => program && person.id === readerId) && mayCorrect(item, project.role, session.me.value!.id, readerId)
  const [correcting, setCorrecting] = useState(false)
  const [importing, setImporting] = useState(false)
  const mayImport = mayImportMasks(item, project, session.me.value!.id)
  const mayAnnotate = mayDrawHere || (corrects && correcting)
  const mayAddLabels = may(project.role, 'manage') && !project.archived

  const reviews = item.state === 'submitted' && may(project.role, 'review') && !project.archived
  const lease = useLease(api, item.id, mayAnnotate || reviews)

  /** Called from keys long after this render: everything that changes is read through `now`. */
  const now = useMemo(() => ({ item, place, annotator, mayDrawHere, mayAddLabels, mayImport, left: null as Look | null }), [])
  Object.assign(now, { item, place, annotator, mayDrawHere, mayAddLabels, mayImport })
  const page = useMemo<PageCommands>(() => ({
    help: () => setDialog('help'),
    palette: () => setDialog('palette'),
    keys: () => setDialog('keys'),
    measurements: () => setDialog('measurements'),
    importMasks: () => { if (now.mayImport) openImport() },
    problem: (found) => toasts.problem(found),
    openWith: (window) => { if (now.annotator) void openWith(now.annotator, window) },
    addLabel: () => { if (now.mayAddLabels) setDialog('add_label') },
    previousCase: () => { if (now.place?.previous_id) router.navigate(hrefTo.annotate(now.place.previous_id)) },
    nextCase: () => { if (now.place?.next_id) router.navigate(hrefTo.annotate(now.place.next_id)) },
    leastCertainPicture: (labelId) => void leastCertainPicture(labelId),
    submit: () => { if (now.mayDrawHere) void submit() },
  }), [])

  function openImport(): void {
    now.annotator?.flush()
    setImporting(true)
  }
  async function openWith({ volume: { modality }, presets }: Annotator, window: WindowLevel): Promise<void> {
    const fresh = await api.get<Project>(`/api/projects/${project.id}`)
    if (fresh.error) return toasts.problem(fresh.error)
    const { windows, name } = withFirst(fresh.data.windows, modality, window, presets, text.projectWindow)
    const answer = await api.patch<Project>(`/api/projects/${project.id}`, { json: { windows } })
    if (answer.error) return toasts.problem(answer.error)
    toasts.say(text.opensWith(modality, presetName({ name, ...window })))
  }
  async function leastCertainPicture(labelId: string): Promise<void> {
    const found = await api.get<Page<ProposalBrief>>(`/api/projects/${project.id}/proposals`, { query: { label_id: labelId, limit: MOST_PICTURES } })
    if (found.error) return toasts.problem(found.error)
    const open = found.data.items
    const next = open[(open.findIndex(({ case_id: caseId }) => caseId === now.item.id) + 1) % open.length]
    if (next === undefined || next.case_id === now.item.id) return toasts.say(t().learning.noPictureLeft)
    router.navigate(hrefTo.annotate(next.case_id, next.volume_id))
  }
  async function submit(confirmed = false): Promise<void> {
    if (now.annotator && now.annotator.saving.value.kind !== 'saved') {
      now.annotator.flush()
      return toasts.say(text.submitAfterSaving)
    }
    const answer = await api.patch<Case>(`/api/cases/${now.item.id}`, { json: { state: 'submitted', ...(confirmed ? { confirmed } : {}) } })
    const found = answer.error?.code === 'submit_blocked' || answer.error?.code === 'submit_unconfirmed' ? answer.error.context?.['findings'] : null
    setFindings(found ? found as SubmitFinding[] : null)
    if (found) return
    if (answer.error) return toasts.problem(answer.error)
    toasts.say(text.submittedToast(now.item.name))
    onCase(answer.data)
    await goOn()
  }
  function lookAtFinding(finding: SubmitFinding): void {
    setFindings(null)
    if (finding.volume_id !== volume.id) return router.navigate(hrefTo.annotate(item.id, finding.volume_id), { replace: true })
    now.annotator?.setActiveLabel(finding.label_id)
    if (finding.slice !== null) now.annotator?.lookAt(finding.slice)
  }
  /** To the next case of one's own queue, or of the list where one has none. */
  async function goOn(): Promise<void> {
    const work = await api.get<Page<WorkItem>>('/api/me/work', { query: { limit: 1 } })
    const next = work.data?.items[0]
    if (next) router.navigate(hrefTo.annotate(next.case.id))
    else page.nextCase()
  }
  /** Who accepts a case while looking at masks of their own means those. */
  function ownResult(): string | null {
    return readerId === null && annotator?.labels.value.some(({ voxels }) => voxels > 0) ? session.me.value!.id : null
  }
  /** Accept or send back, then the next case that waits for review. */
  async function decide(to: CaseState, resultById: string | null): Promise<void> {
    if (annotator && correcting && annotator.saving.value.kind !== 'saved') {
      annotator.flush()
      return toasts.say(team().correct.afterSaving)
    }
    if (!(await move(to, resultById))) return
    toasts.say(`${item.name}: ${stateName(to)}`)
    const query = { state: 'submitted', order: 'urgent', limit: 1 }
    const waiting = await api.get<Page<Case>>(`/api/projects/${project.id}/cases`, { query })
    const next = waiting.data?.items[0]
    router.navigate(next ? hrefTo.annotate(next.id) : hrefTo.project(project.id))
  }
  async function move(to: CaseState, resultById: string | null = null): Promise<boolean> {
    const json = { state: to, ...(to === 'accepted' && resultById !== null ? { result_by_id: resultById } : {}) }
    const answer = await api.patch<Case>(`/api/cases/${item.id}`, { json })
    if (answer.error) toasts.problem(answer.error)
    else onCase(answer.data)
    return !answer.error
  }

  useEffect(() => {
    let opened: Annotator | null = null
    let left = false
    setProblem(null)
    const others = item.volumes.filter(({ id }) => id !== volume.id)
    openAnnotator({ api, projectId: project.id, labels: project.labels, exclusive: project.exclusive_labels, volumeId: volume.id, others, page, readOnly: !mayAnnotate, ...(readerId ? { annotatorId: readerId } : {}) }).then(
      (made) => {
        if (left) return made.close()
        if (now.left) lookAsBefore(made, now.left)
        opened = made
        setAnnotator(made)
        made.ready.catch(failed)
      },
      failed,
    )
    function failed(reason: unknown): void {
      if (left) return
      opened?.close()
      opened = null
      setAnnotator(null)
      setProblem(reason instanceof ApiError ? reason.problem : makeProblem('unexpected', text.loadFailed, String(reason)))
    }
    return () => {
      left = true
      now.left = opened && lookOf(opened)
      opened?.close()
      setAnnotator(null)
    }
  }, [volume.id, attempt, mayAnnotate])

  const moves = project.archived ? [] : movesFor(item, project.role, session.me.value!.id)
  const near = (
    <>
      <nav class="case-walk" aria-label={text.caseWalk}>
        <button type="button" class="icon-button small" aria-label={text.previousCase} title={`${text.previousCase} (PageUp)`} disabled={!place?.previous_id} onClick={page.previousCase}><Icon name="previous" size={16} /></button>
        <span class="case-number">{place ? text.positionOf(place.index + 1, place.total) : ''}</span>
        <button type="button" class="icon-button small" aria-label={text.nextCase} title={`${text.nextCase} (PageDown)`} disabled={!place?.next_id} onClick={page.nextCase}><Icon name="next" size={16} /></button>
      </nav>
      {item.volumes.length > 1 && (
        <select class="select quiet series-select" aria-label={text.series} title={volume.name} value={volume.id} onChange={(event) => router.navigate(hrefTo.annotate(item.id, event.currentTarget.value), { replace: true })}>
          {item.volumes.map(({ id, name }) => <option key={id} value={id}>{name}</option>)}
        </select>
      )}
      {annotator && (readerId === null || correcting) && (mayAnnotate || annotator.saving.value.kind !== 'saved') && <SavingStateView annotator={annotator} />}
    </>
  )
  const far = (
    <>
      {annotator && mayImport && <button type="button" class="icon-button" aria-label={t().project.importMasks} title={t().project.importMasks} onClick={openImport}><Icon name="upload" /></button>}
      {annotator && item.readings.length === 0 && readerId === null && <ModelName annotator={annotator} />}
      {annotator && (
        <CaseReview api={api} annotator={annotator} item={item} project={project} readers={readers} readerId={readerId}
          onReader={(id) => router.navigate(hrefTo.annotate(item.id, volume.id, id ?? 'own'), { replace: true })} onDecide={(to, resultById) => void decide(to, resultById)}
          panel={panel} onPanel={setPanel} correcting={corrects ? correcting : null} onCorrect={setCorrecting} onVolume={(id) => router.navigate(hrefTo.annotate(item.id, id, readerId ?? 'own'), { replace: true })}
          onChanged={onChanged} me={session.me.value!.id} />
      )}
      {(readerId !== null || item.readings.length > 0) && moves.includes('accepted') ? null : moves.includes('submitted')
        ? <button type="button" class="button" title={`${text.submit} (Ctrl+Enter)`} onClick={page.submit}><Icon name="check" />{text.submit}</button>
        : moves.length > 0
          ? (
            <Menu label={`${stateName(item.state)}, ${text.caseState}`} buttonClass="button" button={<>{stateName(item.state)}<Icon name="down" size={16} /></>}>
              {moves.map((to) => <button key={to} type="button" role="menuitem" onClick={() => void move(to, ownResult())}>{t().project.moves[to]}</button>)}
            </Menu>
          )
          : <span class="tag">{stateName(item.state)}</span>}
    </>
  )
  return (
    <Frame banner={false} crumbs={crumbsOf({ item, project })} near={near} far={far}>
      <h1 class="visually-hidden">{item.name}</h1>
      {lease.other !== null && <LeaseNotice name={lease.other} backHref={hrefTo.project(project.id)} onTakeOver={() => void lease.takeOver()} />}
      {findings && <SubmitFindings findings={findings} onFinding={lookAtFinding} onConfirm={() => void submit(true)} onClose={() => setFindings(null)} />}
      {locked && (readerId === null || item.state === 'accepted') && lease.other === null && !project.archived && may(project.role, 'annotate') &&
        <LockedNotice state={item.state} assigned={item.assignee?.name ?? null} moves={moves} onMove={(to) => void move(to)} />}
      {importing && (
        <ImportMasks item={item} project={project} locked={locked} caseHref={null} onClose={() => setImporting(false)}
          onStored={(own) => { onChanged(); if (own) setAttempt((n) => n + 1) }} />
      )}
      {annotator
        ? (
          <AnnotateView api={api} annotator={annotator} page={page} project={project} mayAnnotate={mayAnnotate} correcting={mayAnnotate && !mayDrawHere} mayAddLabels={mayAddLabels} onLabels={(labels) => onProject({ ...project, labels })} blankHref={may(project.role, 'manage') ? hrefTo.blank(item.id, volume.id) : null}
            workerless={(system.system.value?.workers['click'] ?? 1) === 0} dialog={dialog} onDialog={setDialog} />
        )
        : problem
          ? <div class="page-inner narrow"><ProblemNotice problem={problem} onRetry={() => setAttempt(attempt + 1)} /></div>
          : <AnnotateSkeleton />}
    </Frame>
  )
}

function lookOf({ axis, position, window, activeLabelId, rounds }: Annotator) {
  return { axis: axis.peek(), position: position.peek(), window: window.peek(), label: activeLabelId.peek(), round: rounds.round.peek(), view: rounds.view.peek() }
}

type Look = ReturnType<typeof lookOf>

/** The same volume, opened anew to be drawn on or only looked at: the same slice, label, window and round beside it. */
function lookAsBefore(made: Annotator, { axis, position, window, label, round, view }: Look): void {
  made.setAxis(axis)
  made.setPosition(position)
  made.setWindow(window)
  if (label !== null) made.setActiveLabel(label)
  if (round !== null) void made.rounds.compare(round, view)
}

function ModelName({ annotator }: { annotator: Annotator }) {
  const model = annotator.model.value
  return model ? <span class="model-name faint ellipsis" title={t().annotate.model}>{model}</span> : null
}

/** The open page without its content: the same places, grey. */
function AnnotateSkeleton() {
  return (
    <div class="annotate" role="status" aria-label={t().common.loading}>
      <div class="tool-rail" />
      <div class="picture-area"><div class="picture-state slow"><span class="spinner" /></div></div>
      <div class="side-panel" />
      <div class="slice-strip" />
    </div>
  )
}
