// The cases of a project: searching, filtering, opening, assigning, exporting.

import { useEffect, useState } from 'preact/hooks'
import type { Case, CaseFilter, CaseState, Member, Project } from '../api/project_types.ts'
import type { Page } from '../api/types.ts'
import type { NamedFile } from '../api/upload.ts'
import { formatDate, formatMoment } from '../i18n/format.ts'
import { team } from '../i18n/team.ts'
import { language, t } from '../i18n/text.ts'
import { EXPORT_FORMATS, exportCase, measurementFiles, type ExportFormat } from '../panels/export_case.ts'
import { Icon } from '../panels/icon.tsx'
import { Menu } from '../panels/menu.tsx'
import { onDemand } from '../panels/on_demand.tsx'
import { pushCase } from '../panels/push_case.ts'
import { ProblemNotice } from '../panels/problem_notice.tsx'
import { TableSkeleton } from '../panels/skeleton.tsx'
import { Thumbnail } from '../panels/thumbnail.tsx'
import { UploadButton } from '../panels/upload_button.tsx'
import { useApp } from './app_state.ts'
import { CaseBulk, type Selection } from './case_bulk.tsx'
import { DueDate, PriorityMark } from './case_marks.tsx'
import { isLocked, mayImportMasks, movesFor } from './case_moves.ts'
import { may } from './permissions.ts'
import { hrefTo } from './router.ts'
import { WhoseMasks } from './whose_masks.tsx'
import { useLoaded } from './use_loaded.ts'
import { usePaged } from './use_paged.ts'
import { stateName } from './words.ts'

const TextRiskMark = onDemand(async () => (await import('../panels/text_risk.tsx')).TextRiskMark)

const ImportMasks = onDemand(async () => (await import('./import_masks.tsx')).ImportMasksDialog)

const PAGE_SIZE = 50
const NOTHING: Selection = { ids: new Set() }
const SEARCH_DELAY_MS = 200
const STATES: readonly CaseState[] = ['new', 'assigned', 'in_progress', 'submitted', 'accepted', 'returned']

export interface ProjectCasesProps {
  project: Project
  /** DICOMweb servers that masks can be sent to. */
  servers: readonly string[]
  /** Grows when an import finished: the list is read again. */
  imports: number
  onUpload: ((files: NamedFile[]) => void) | null
}

export function ProjectCases({ project, servers, imports, onUpload }: ProjectCasesProps) {
  const { api, session, toasts, uploads } = useApp()
  const text = t().project
  const words = team().cases
  const [typed, setTyped] = useState('')
  const [search, setSearch] = useState('')
  const [state, setState] = useState<CaseState | ''>('')
  const [assignee, setAssignee] = useState('')
  const [labelId, setLabelId] = useState('')
  const [overdue, setOverdue] = useState(false)
  const [order, setOrder] = useState<'newest' | 'urgent'>('newest')
  const [selection, setSelection] = useState<Selection>(NOTHING)
  useEffect(() => {
    const timer = setTimeout(() => setSearch(typed.trim()), SEARCH_DELAY_MS)
    return () => clearTimeout(timer)
  }, [typed])

  const filter: CaseFilter = { search: search || null, state: state || null, assignee: assignee || null, label_id: labelId || null, overdue }
  const cases = usePaged<Case>((cursor, signal) => api.get<Page<Case>>(`/api/projects/${project.id}/cases`, {
    query: { ...filter, order, cursor, limit: PAGE_SIZE }, signal,
  }), [project.id, search, state, assignee, labelId, overdue, order, imports])
  useEffect(() => setSelection(NOTHING), [search, state, assignee, labelId, overdue])
  const manages = may(project.role, 'manage') && !project.archived
  const selects = may(project.role, 'review') && !project.archived
  const members = useLoaded<readonly Member[]>(async (signal) => {
    const answer = await api.get<Page<Member>>(`/api/projects/${project.id}/members`, { signal })
    return answer.error ? answer : { data: answer.data.items }
  }, [project.id])

  async function change(item: Case, part: { state?: CaseState; assignee_id?: string | null }): Promise<void> {
    const answer = await api.patch<Case>(`/api/cases/${item.id}`, { json: part })
    if (answer.error) toasts.problem(answer.error)
    else cases.replace((other) => other.id === item.id, answer.data)
  }
  async function download(item: Case, format: ExportFormat, whose: string | null): Promise<void> {
    toasts.say(text.exportStarted(item.name))
    const problem = await exportCase(api, item.id, format, whose)
    if (problem) toasts.problem(problem)
  }

  const [importInto, setImportInto] = useState<Case | null>(null)

  async function push(item: Case, server: string, whose: string | null): Promise<void> {
    toasts.say(team().servers.pushing(item.name, server))
    const problem = await pushCase(api, item.id, server, whose)
    if (problem) toasts.problem(problem)
    else toasts.say(team().servers.pushed(item.name, server))
  }

  const filtered = search !== '' || state !== '' || assignee !== '' || labelId !== '' || overdue
  function clearFilter(): void {
    setTyped('')
    setSearch('')
    setState('')
    setAssignee('')
    setLabelId('')
    setOverdue(false)
  }
  function select(id: string, chosen: boolean): void {
    const ids = new Set(selection === 'matching' ? cases.items?.map((item) => item.id) : selection.ids)
    if (chosen) ids.add(id)
    else ids.delete(id)
    setSelection({ ids })
  }
  const isSelected = (id: string) => selection === 'matching' || selection.ids.has(id)
  const pageSelected = (cases.items ?? []).length > 0 && cases.items!.every((item) => isSelected(item.id))
  const importing = uploads.all.value.some((upload) => upload.projectId === project.id && upload.job?.state !== 'done' && !upload.problem)
  if (cases.items?.length === 0 && !filtered) {
    return (
      <div class="empty card invite">
        <Icon name="picture" size={40} />
        <h2>{importing ? text.importingTitle : text.emptyTitle}</h2>
        <p>{importing ? text.importingDetail : onUpload ? text.emptyDetail : text.emptyReadOnly}</p>
        {onUpload && !importing && (
          <div class="actions">
            <UploadButton primary onFiles={onUpload} />
            <button type="button" class="button" onClick={() => void uploads.loadSamples(project.id)}><Icon name="picture" />{t().projects.loadSamples}</button>
          </div>
        )}
      </div>
    )
  }
  return (
    <>
      {selects && <ReviewQueue project={project} />}
      <div class="filters">
        <div class="search-field grow">
          <Icon name="search" size={16} />
          <input class="input" type="search" placeholder={text.search} aria-label={text.search} value={typed}
            onInput={(event) => setTyped(event.currentTarget.value)} />
        </div>
        <select class="select" aria-label={text.state} value={state} onChange={(event) => setState(event.currentTarget.value as CaseState | '')}>
          <option value="">{text.anyState}</option>
          {STATES.map((name) => <option key={name} value={name}>{stateName(name)}{countOf(project, name)}</option>)}
        </select>
        <select class="select" aria-label={words.assignee} value={assignee} onChange={(event) => setAssignee(event.currentTarget.value)}>
          <option value="">{words.anyAssignee}</option>
          <option value="nobody">{words.nobody}</option>
          <option value="left">{words.left}</option>
          {members.value?.map(({ user }) => <option key={user.id} value={user.id}>{user.name}</option>)}
        </select>
        {project.labels.length > 0 && (
          <select class="select" aria-label={words.label} value={labelId} onChange={(event) => setLabelId(event.currentTarget.value)}>
            <option value="">{words.anyLabel}</option>
            {project.labels.map((label) => <option key={label.id} value={label.id}>{label.name}</option>)}
          </select>
        )}
        <select class="select" aria-label={words.due} value={overdue ? 'overdue' : ''} onChange={(event) => setOverdue(event.currentTarget.value !== '')}>
          <option value="">{words.anyDue}</option>
          <option value="overdue">{words.onlyOverdue}</option>
        </select>
        <select class="select" aria-label={words.order} value={order} onChange={(event) => setOrder(event.currentTarget.value as typeof order)}>
          <option value="newest">{words.newest}</option>
          <option value="urgent">{words.urgent}</option>
        </select>
      </div>
      {selects && (selection === 'matching' || selection.ids.size > 0) && (
        <CaseBulk projectId={project.id} role={project.role} selection={selection} filter={filter} members={members.value ?? []}
          onSelectMatching={() => setSelection('matching')} onClear={() => setSelection(NOTHING)} onChanged={() => void cases.reload()} />
      )}
      {cases.problem && <ProblemNotice problem={cases.problem} onRetry={cases.reload} />}
      {!cases.items && !cases.problem && <TableSkeleton rows={6} />}
      {cases.items?.length === 0 && filtered && (
        <div class="empty card">
          <h2>{text.noMatchTitle}</h2>
          <p>{text.noMatchDetail}</p>
          <div class="actions"><button type="button" class="button" onClick={clearFilter}>{text.clearFilter}</button></div>
        </div>
      )}
      {cases.items && cases.items.length > 0 && (
        <div class="card">
          <table class="table cases">
            <thead>
              <tr>
                {selects && (
                  <th scope="col" class="tight">
                    <input type="checkbox" aria-label={words.selectAll} checked={pageSelected}
                      onChange={(event) => setSelection(event.currentTarget.checked ? { ids: new Set(cases.items!.map((item) => item.id)) } : NOTHING)} />
                  </th>
                )}
                <th scope="col" class="tight"><span class="visually-hidden">{text.columns.picture}</span></th>
                <th scope="col">{text.columns.name}</th>
                <th scope="col" class="tight size">{text.columns.modality}</th>
                <th scope="col" class="tight size">{text.columns.size}</th>
                <th scope="col" class="tight">{text.columns.annotated}</th>
                <th scope="col" class="tight">{text.columns.state}</th>
                <th scope="col" class="tight">{text.columns.assignee}</th>
                <th scope="col" class="tight">{words.due}</th>
                <th scope="col" class="tight date">{text.columns.date}</th>
                <th scope="col" class="tight"><span class="visually-hidden">{text.columns.actions}</span></th>
              </tr>
            </thead>
            <tbody>
              {cases.items.map((item) => (
                <CaseRow key={item.id} item={item} project={project} members={manages ? members.value ?? [] : null}
                  selected={selects ? isSelected(item.id) : null} onSelect={(chosen) => select(item.id, chosen)}
                  onChange={(part) => void change(item, part)} onExport={(format, whose) => void download(item, format, whose)} servers={servers} onPush={(server, whose) => void push(item, server, whose)} onImport={() => setImportInto(item)} />
              ))}
            </tbody>
          </table>
        </div>
      )}
      {importInto && (
        <ImportMasks item={importInto} project={project} locked={isLocked(importInto, project.role, session.me.value!.id)} caseHref={hrefTo.annotate(importInto.id)}
          onClose={() => setImportInto(null)} onStored={() => void cases.reload()} />
      )}
      {cases.more && <button type="button" class="button more" disabled={cases.loadingMore} onClick={cases.loadMore}>{t().common.loadMore}</button>}
    </>
  )
}

/** The way to what was submitted, the most urgent first. */
function ReviewQueue({ project }: { project: Project }) {
  const { api, router, toasts } = useApp()
  const waiting = project.counts.by_state.submitted ?? 0
  if (waiting === 0) return null
  async function start(): Promise<void> {
    const query = { state: 'submitted', order: 'urgent', limit: 1 }
    const answer = await api.get<Page<Case>>(`/api/projects/${project.id}/cases`, { query })
    if (answer.error) toasts.problem(answer.error)
    else if (answer.data.items[0]) router.navigate(hrefTo.annotate(answer.data.items[0].id))
  }
  return (
    <div class="notice review-queue">
      <Icon name="check" />
      <p class="grow">{team().review.queue(waiting)}</p>
      <button type="button" class="button" onClick={() => void start()}>{team().review.start}</button>
    </div>
  )
}

interface CaseRowProps {
  item: Case
  project: Project
  /** People who can get the case; null when the reader may not assign. */
  members: readonly Member[] | null
  /** null when the reader has nothing to do with many at once. */
  selected: boolean | null
  onSelect: (chosen: boolean) => void
  onChange: (part: { state?: CaseState; assignee_id?: string | null }) => void
  onExport: (format: ExportFormat, whose: string | null) => void
  servers: readonly string[]
  onPush: (server: string, whose: string | null) => void
  onImport: () => void
}

function CaseRow({ item, project, members, selected, onSelect, onChange, onExport, servers, onPush, onImport }: CaseRowProps) {
  const { api, session } = useApp()
  const text = t().project
  const words = team().cases
  const [first, ...others] = item.volumes
  const slices = item.volumes.reduce((sum, volume) => sum + volume.shape_kji[0], 0)
  const warnings = item.volumes.flatMap((volume) => volume.warnings)
  const moves = project.archived ? [] : movesFor(item, project.role, session.me.value!.id)
  const exports = may(project.role, 'export')
  const reviews = may(project.role, 'review')
  const [whose, setWhose] = useState<string | null>(null)
  const imports = mayImportMasks(item, project, session.me.value!.id)
  const manages = may(project.role, 'manage') && !project.archived
  const atRisk = item.volumes.find(({ text_risk: risk }) => risk !== null)
  return (
    <tr class="open-row">
      {selected !== null && (
        <td class="tight above"><input type="checkbox" aria-label={words.select(item.name)} checked={selected} onChange={(event) => onSelect(event.currentTarget.checked)} /></td>
      )}
      <td class="tight picture-cell">{first && <Thumbnail api={api} volumeId={first.id} name={item.name} />}</td>
      <td class="case-name">
        <a class="row-link" href={hrefTo.annotate(item.id)}>{item.name}</a>
        {others.length > 0 && <span class="tag">{text.seriesCount(item.volumes.length)}</span>}
        {warnings.length > 0 && <span class="warning-mark above" role="img" aria-label={t().annotate.warnings(warnings.length)} title={warnings.join('\n')}><Icon name="warning" size={16} /></span>}
        {atRisk?.text_risk && <TextRiskMark risk={atRisk.text_risk} href={manages ? hrefTo.blank(item.id, atRisk.id) : null} />}
        {item.opened_by && <span class="opened-mark above" role="img" aria-label={words.openedBy(item.opened_by.name)} title={words.openedBy(item.opened_by.name)}><Icon name="user" size={16} /></span>}
        {item.gold && <span class="tag">{words.goldTag}</span>}
        {item.priority !== 0 && <PriorityMark priority={item.priority} />}
      </td>
      <td class="tight soft size">{item.modality}</td>
      <td class="tight soft size">{first?.shape_kji.slice().reverse().join(' × ') ?? t().common.none}</td>
      <td class="tight">{item.annotated_slices > 0 ? text.annotatedOf(item.annotated_slices, slices) : <span class="faint">{t().common.none}</span>}</td>
      <td class="tight"><span class={item.state === 'new' ? 'tag' : 'tag strong'}>{stateName(item.state)}</span></td>
      <td class="tight above">
        {item.readings.length > 0
          ? <span title={item.readings.map(({ reader, state }) => `${reader.name}: ${stateName(state)}`).join('\n')}>{item.readings.map(({ reader }) => reader.name).join(', ')}</span>
          : members ? (
            <select class="select quiet" aria-label={text.assigneeOf(item.name)} value={item.assignee?.id ?? ''}
              onChange={(event) => onChange({ assignee_id: event.currentTarget.value || null })}>
              <option value="">{text.unassigned}</option>
              {people(members, item).map((person) => <option key={person.id} value={person.id}>{person.name}</option>)}
            </select>
          )
          : <span class={item.assignee ? '' : 'faint'}>{item.assignee?.name ?? text.unassigned}</span>}
      </td>
      <td class="tight"><DueDate item={item} /></td>
      <td class="tight soft date" title={formatMoment(item.created_at, language.value)}>{formatDate(item.created_at, language.value, new Date())}</td>
      <td class="tight above">
        {(moves.length > 0 || exports || imports) && (
          <Menu label={text.caseMenu(item.name)} button={<Icon name="more" />}
            head={exports && reviews && item.annotated_slices > 0 ? <WhoseMasks item={item} whose={whose} onWhose={setWhose} /> : undefined}>
            {moves.map((to) => (
              <button key={to} type="button" role="menuitem" onClick={() => onChange({ state: to })}>{text.moves[to]}</button>
            ))}
            {moves.length > 0 && (exports || imports) && <hr />}
            {imports && <button type="button" role="menuitem" onClick={onImport}><Icon name="upload" />{text.importMasks}</button>}
            {imports && exports && <hr />}
            {exports && <>
              {EXPORT_FORMATS.map((format) => (
                <button key={format} type="button" role="menuitem" disabled={item.annotated_slices === 0 && format !== 'dicom-sr'} onClick={() => onExport(format, whose)}><Icon name="download" />{text.exportAs[format]}</button>
              ))}
              {(['csv', 'json'] as const).map((kind) => (
                <a key={kind} role="menuitem" href={measurementFiles(item.id)[kind]} download={kind === 'json' ? 'measurements.json' : ''}><Icon name="download" />{text.exportMeasurements[kind]}</a>
              ))}
              {servers.map((server) => (
                <button key={server} type="button" role="menuitem" disabled={item.annotated_slices === 0} onClick={() => onPush(server, whose)}><Icon name="upload" />{team().servers.push(server)}</button>
              ))}
              {item.annotated_slices === 0 && <div class="caption">{text.exportNothing}</div>}
            </>}
            {manages && <><hr /><a role="menuitem" href={hrefTo.blank(item.id)}><Icon name="hidden" />{t().project.blankText}</a></>}
          </Menu>
        )}
      </td>
    </tr>
  )
}

/** Members who annotate, and the present assignee even when they left the project since. */
function people(members: readonly Member[], item: Case): ReadonlyArray<{ id: string; name: string }> {
  const all = members.filter(({ role }) => may(role, 'annotate')).map(({ user }) => user)
  return item.assignee && !all.some(({ id }) => id === item.assignee!.id) ? [...all, item.assignee] : all
}

function countOf(project: Project, state: CaseState): string {
  const count = project.counts.by_state[state]
  return count ? ` (${count})` : ''
}
