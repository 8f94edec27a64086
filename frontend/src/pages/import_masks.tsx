// The dialog that takes masks of other programs into a case: choose files, see what was found and where it would go, import,
// see what became of it. The files are sent once to be looked at and once more to be stored: the server keeps nothing between.

import { useId, useRef, useState } from 'preact/hooks'
import type { MaskFileOutcome, MaskImportResult, MaskNeed, MaskOptions } from '../api/mask_types.ts'
import type { Case, Project } from '../api/project_types.ts'
import type { Job, Problem } from '../api/types.ts'
import { sendFiles, type NamedFile, type Sending } from '../api/upload.ts'
import { exchange } from '../i18n/exchange.ts'
import { masksText } from '../i18n/masks_text.ts'
import { t } from '../i18n/text.ts'
import { Dialog } from '../panels/dialog.tsx'
import { DropArea } from '../panels/drop_area.tsx'
import { filesOfPicker } from '../panels/dropped_files.ts'
import { Icon } from '../panels/icon.tsx'
import { countWanted, drawnBefore, isNameless, missing, proposed, targetsOf, type Choices, type Names } from '../panels/mask_choices.ts'
import { ProblemNotice } from '../panels/problem_notice.tsx'
import { ProgressBar, RunningJob, useWatched } from '../panels/running_job.tsx'
import { isOver } from '../panels/uploads.ts'
import { useApp } from './app_state.ts'
import { FoundFile, StoredFile } from './import_masks_files.tsx'
import { may } from './permissions.ts'

export interface ImportMasksProps {
  item: Case
  project: Project
  /** The caller's own masks cannot change: the case is locked. */
  locked: boolean
  onClose: () => void
  /** Masks were stored: the caller's own, or those of a program. */
  onStored: (own: boolean) => void
  /** Where the case is opened from here; null where it is open. */
  caseHref: string | null
}

/** Each file leads to the series that it was drawn on. */
const AS_FILES_SAY = ''

type Allowed = ReadonlySet<MaskNeed['option']>

export function ImportMasksDialog({ item, project, locked, onClose, onStored, caseHref }: ImportMasksProps) {
  const { api } = useApp()
  const text = masksText()
  const reviews = may(project.role, 'review')
  const [volume, setVolume] = useState(item.volumes.length === 1 ? item.volumes[0]!.id : AS_FILES_SAY)
  const [asProgram, setAsProgram] = useState(locked)
  const [program, setProgram] = useState('')
  const [nameless, setNameless] = useState(false)
  const [files, setFiles] = useState<readonly NamedFile[]>([])
  const [sent, setSent] = useState<number | null>(null)
  const [job, setJob] = useState<Job | null>(null)
  const [problem, setProblem] = useState<Problem | null>(null)
  const [choices, setChoices] = useState<Choices>(new Map())
  const [names, setNames] = useState<Names>(new Map())
  const [allowed, setAllowed] = useState<Allowed>(new Set())
  const [replace, setReplace] = useState(false)
  const sending = useRef<Sending | null>(null)
  const picker = useRef<HTMLInputElement>(null)
  const id = useId()

  useWatched(api, job, (now) => {
    setJob(now)
    if (now.state !== 'done') return
    const result = now.result as unknown as MaskImportResult
    if (result.dry_run) setChoices(proposed(result.files, may(project.role, 'manage')))
    else if (result.files.some(({ outcome }) => outcome === 'imported')) onStored(!asProgram)
  })
  const running = job !== null && !isOver(job)
  const busy = running || sent !== null
  const result = job?.state === 'done' ? (job.result as unknown as MaskImportResult) : null
  const found = result?.dry_run ? result.files : null
  const stored = result && !result.dry_run ? result.files : null

  async function send(which: readonly NamedFile[], options: Omit<MaskOptions, 'volume_id' | 'reader'>, place = { volume, asProgram }): Promise<void> {
    const json: MaskOptions = { ...options, volume_id: place.volume === AS_FILES_SAY ? null : place.volume, reader: place.asProgram ? program.trim() : null }
    setProblem(null)
    setJob(null)
    setSent(0)
    const named = which.map(({ file }) => ({ file, path: file.name }))
    sending.current = sendFiles(`/api/cases/${item.id}/masks`, named, (bytes, total) => setSent(bytes / total), { options: JSON.stringify(json) })
    const answer = await sending.current.answer
    setSent(null)
    setProblem(answer.error?.code === 'aborted' ? null : answer.error ?? null)
    setJob(answer.data ?? null)
  }
  function look(which: readonly NamedFile[], place = { volume, asProgram }): void {
    if (which.length === 0 || busy) return
    setNameless(place.asProgram && program.trim() === '')
    if (place.asProgram && program.trim() === '') return
    setFiles(which)
    setAllowed(new Set())
    setNames(new Map())
    setReplace(false)
    void send(which, { dry_run: true }, place)
  }
  function place(next: { volume: string; asProgram: boolean }): void {
    setVolume(next.volume)
    setAsProgram(next.asProgram)
    if (found) look(files, next)
  }
  function start(): void {
    if (!found || busy || !mayStart) return
    const options = { targets: targetsOf(found, choices, names), replace, ...Object.fromEntries([...allowed].map((option) => [option, true])) }
    void send(files, options)
  }
  function close(): void {
    sending.current?.abort()
    if (running) void api.delete(`/api/jobs/${job.id}`)
    onClose()
  }
  function allow(option: MaskNeed['option'], on: boolean): void {
    const next = new Set(allowed)
    if (on) next.add(option)
    else next.delete(option)
    setAllowed(next)
  }

  const nameOf = (file: MaskFileOutcome): string => text.from(files[file.upload]?.file.name ?? '', file.name)
  const before = found ? drawnBefore(found, choices) : 0
  const unallowed = found ? missing(found, choices, allowed) : []
  const nameMissing = isNameless(choices, names)
  const mayStart = countWanted(choices) > 0 && unallowed.length === 0 && !nameMissing
  const trouble = problem ?? job?.problem ?? null
  return (
    <Dialog title={text.title(item.name)} broad onClose={close} onSubmit={start} footer={<>
      {found && countWanted(choices) === 0 && <p class="soft grow" role="status">{text.nothingChosen}</p>}
      {found && unallowed.length > 0 && <p class="soft grow" role="status">{text.toAllow}</p>}
      {found && nameMissing && <p class="soft grow" role="status">{text.nameMissing}</p>}
      {stored
        ? <>
          {caseHref && <a class="button" href={caseHref}>{text.open}</a>}
          <button type="button" class="button primary" onClick={close}>{t().common.close}</button>
        </>
        : <>
          <button type="button" class="button quiet" onClick={close}>{t().common.cancel}</button>
          {found && <button class="button primary" disabled={!mayStart}>{text.start(countWanted(choices))}</button>}
        </>}
    </>}>
      <DropArea message={text.drop} disabled={busy || stored !== null} onFiles={(dropped) => look(dropped)}>
        <div class="stack import-masks">
          {!stored && <p class="soft">{text.detail}</p>}
          {trouble && <ProblemNotice problem={trouble} />}
          {!stored && !locked && reviews && (
            <fieldset class="field" disabled={busy}>
              <legend class="name">{text.whose}</legend>
              <label class="check"><input type="radio" name={`${id}w`} checked={!asProgram} onChange={() => place({ volume, asProgram: false })} />{text.mine}</label>
              <label class="check"><input type="radio" name={`${id}w`} checked={asProgram} onChange={() => setAsProgram(true)} />{text.programs}</label>
            </fieldset>
          )}
          {!stored && asProgram && (
            <div class="field">
              <label class="name" for={`${id}p`}>{text.programName}</label>
              <input id={`${id}p`} class="input" maxLength={120} value={program} placeholder={text.programPlaceholder} disabled={busy} autoFocus
                aria-invalid={nameless} aria-describedby={`${id}h`} onInput={(event) => { setProgram(event.currentTarget.value); setNameless(false) }}
                onChange={() => { if (found) look(files) }} />
              {nameless && <p class="wrong" role="alert">{text.programMissing}</p>}
              <p id={`${id}h`} class="hint">{text.programHint}</p>
            </div>
          )}
          {!stored && item.volumes.length > 1 && (
            <div class="field">
              <label class="name" for={`${id}v`}>{text.series}</label>
              <select id={`${id}v`} class="select" value={volume} disabled={busy} onChange={(event) => place({ volume: event.currentTarget.value, asProgram })}>
                <option value={AS_FILES_SAY}>{text.asFilesSay}</option>
                {item.volumes.map((series) => <option key={series.id} value={series.id}>{series.name}</option>)}
              </select>
            </div>
          )}
          {sent !== null && <div class="stack-small"><ProgressBar title={text.title(item.name)} share={sent} /><p class="soft">{text.sending(`${Math.round(sent * 100)} %`)}</p></div>}
          {running && <RunningJob title={text.reading} job={job} onCancel={() => void api.delete(`/api/jobs/${job.id}`)} />}
          {job?.state === 'cancelled' && <p class="soft" role="status">{exchange().running.cancelled}</p>}
          {!busy && !stored && (
            <div class={found ? 'actions' : 'empty drop-here'}>
              {!found && <><Icon name="upload" size={32} /><p class="soft">{text.drop}</p></>}
              <button type="button" class="button" onClick={() => picker.current!.click()}><Icon name="file" />{found ? text.again : text.choose}</button>
            </div>
          )}
          <input ref={picker} type="file" multiple hidden aria-label={text.choose} onChange={(event) => {
            const chosen = filesOfPicker(event.currentTarget.files!)
            event.currentTarget.value = '' // so that choosing the same file again is noticed
            look(chosen)
          }} />
          {found?.map((file) => (
            <FoundFile key={`${file.upload} ${file.name}`} file={file} name={nameOf(file)} labels={project.labels} mayMakeLabels={may(project.role, 'manage')}
              showSeries={item.volumes.length > 1} choices={choices} onChoices={setChoices} names={names} onNames={setNames} allowed={allowed} onAllow={allow} />
          ))}
          {before > 0 && (
            <div class="field">
              <label class="check"><input type="checkbox" checked={replace} onChange={(event) => setReplace(event.currentTarget.checked)} />{text.replace(before)}</label>
              <p class="hint">{text.replaceHint}</p>
            </div>
          )}
          {stored?.map((file) => <StoredFile key={`${file.upload} ${file.name}`} file={file} name={nameOf(file)} />)}
        </div>
      </DropArea>
    </Dialog>
  )
}
