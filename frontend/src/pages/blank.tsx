// The page on which a manager makes text in the pixels blank for good, or records that there is none.

import { useEffect, useMemo, useState } from 'preact/hooks'
import { SliceLoader } from '../annotate/slice_loader.ts'
import type { Case, Project } from '../api/project_types.ts'
import type { Job, Problem, VolumeOut } from '../api/types.ts'
import { blanking } from '../i18n/blanking_text.ts'
import { formatMoment } from '../i18n/format.ts'
import { language } from '../i18n/text.ts'
import { keysIn } from '../panels/annotate/action_text.ts'
import { BlankPicture } from '../panels/blank/blank_picture.tsx'
import { onTheWire, type Box } from '../panels/blank/boxes.ts'
import { BoxList } from '../panels/blank/box_list.tsx'
import { ConfirmBlank, ScopeChoice, type BlankScope } from '../panels/blank/scope.tsx'
import { Icon } from '../panels/icon.tsx'
import { ProblemNotice } from '../panels/problem_notice.tsx'
import { RunningJob, useWatched } from '../panels/running_job.tsx'
import { TextRiskWarning } from '../panels/text_risk.tsx'
import { isOver } from '../panels/uploads.ts'
import { displayOrientation, type AxisLetters } from '../viewer/geometry.ts'
import type { SliceImage } from '../viewer/windowing.ts'
import { useApp } from './app_state.ts'
import { Frame } from './frame.tsx'
import { may } from './permissions.ts'
import { hrefTo } from './router.ts'
import { useTitle } from './title.ts'
import { useLoaded } from './use_loaded.ts'

export function BlankPage({ caseId, volumeId }: { caseId: string; volumeId: string | null }) {
  const { api, router } = useApp()
  const text = blanking()
  const opened = useLoaded<{ item: Case; project: Project }>(async (signal) => {
    const item = await api.get<Case>(`/api/cases/${caseId}`, { signal })
    if (item.error) return item
    const project = await api.get<Project>(`/api/projects/${item.data.project_id}`, { signal })
    return project.error ? project : { data: { item: item.data, project: project.data } }
  }, [caseId])
  useTitle(text.title, opened.value?.item.name)
  if (opened.problem) return <Frame><div class="page-inner narrow"><ProblemNotice problem={opened.problem} onRetry={opened.reload} /></div></Frame>
  if (!opened.value) return <Frame crumbs={[{ label: '…' }]}><div class="page-inner" role="status" /></Frame>
  const { item, project } = opened.value
  const crumbs = [{ label: project.name, href: hrefTo.project(project.id) }, { label: item.name, href: hrefTo.annotate(item.id) }, { label: text.title }]
  const volume = item.volumes.find(({ id }) => id === volumeId) ?? item.volumes[0]
  if (!volume || !may(project.role, 'manage')) {
    return <Frame crumbs={crumbs}><div class="empty"><h1>{text.title}</h1><p>{text.notYours}</p><div class="actions"><a class="button" href={hrefTo.annotate(item.id)}>{text.back}</a></div></div></Frame>
  }
  const [, rows, columns] = volume.shape_kji
  const alike = item.volumes.filter(({ shape_kji: [, r, c] }) => r === rows && c === columns).length
  return (
    <Frame crumbs={crumbs}>
      <BlankVolume key={volume.id} item={item} volumeId={volume.id} alike={alike} onChanged={() => void opened.reload()}
        onVolume={(id) => router.navigate(hrefTo.blank(item.id, id), { replace: true })} />
    </Frame>
  )
}

interface BlankVolumeProps {
  item: Case
  volumeId: string
  /** How many series of the case have slices of the same size. */
  alike: number
  onChanged: () => void
  onVolume: (id: string) => void
}

function BlankVolume({ item, volumeId, alike, onChanged, onVolume }: BlankVolumeProps) {
  const { api, toasts } = useApp()
  const text = blanking()
  const loaded = useLoaded<VolumeOut>((signal) => api.get(`/api/volumes/${volumeId}`, { signal }), [volumeId])
  const [slice, setSlice] = useState(0)
  const [image, setImage] = useState<SliceImage | null>(null)
  const [boxes, setBoxes] = useState<{ all: readonly Box[]; chosen: number }>({ all: [], chosen: -1 })
  const [preview, setPreview] = useState(true)
  const [scope, setScope] = useState<BlankScope>('volume')
  const [asking, setAsking] = useState(false)
  const [job, setJob] = useState<Job | null>(null)
  const [problem, setProblem] = useState<Problem | null>(null)
  const volume = loaded.value
  const slices = volume?.shape_kji[0] ?? 1

  const loader = useMemo(() => volume && new SliceLoader({
    api, volumeId, pixels: volume.pixels, shapeKji: volume.shape_kji, onSlice: (found) => setImage(found.image),
  }), [volume?.pixels])
  useEffect(() => () => loader?.close(), [loader])
  useEffect(() => loader?.show(0, slice), [loader, slice])
  useEffect(() => { if (volume) setSlice(Math.floor(volume.shape_kji[0] / 2)) }, [volumeId, volume === null])

  useWatched(api, job, (next) => {
    setJob(next)
    if (!isOver(next)) return
    if (next.state === 'done') {
      toasts.say(text.done((next.result as { slices: number }).slices))
      setBoxes({ all: [], chosen: -1 })
    } else if (next.problem) setProblem(next.problem as Problem)
    void loaded.reload()
    onChanged()
  })
  async function apply(): Promise<void> {
    setAsking(false)
    setProblem(null)
    const json = { slice, rectangles: boxes.all.map(onTheWire), scope }
    const answer = await api.post<Job>(`/api/volumes/${volumeId}/blankings`, { json })
    if (answer.error) setProblem(answer.error)
    else setJob(answer.data)
  }
  async function check(what: 'volume' | 'case', clean: boolean): Promise<void> {
    const answer = await api.post<VolumeOut>(`/api/volumes/${volumeId}/text-checks`, { json: { scope: what, clean } })
    if (answer.error) return setProblem(answer.error)
    loaded.put(answer.data)
    onChanged()
  }
  if (loaded.problem) return <div class="page-inner narrow"><ProblemNotice problem={loaded.problem} onRetry={loaded.reload} /></div>
  if (!volume) return <div class="blank-page" role="status" />
  const running = job !== null && !isOver(job)
  const step = (by: number) => setSlice(Math.min(slices - 1, Math.max(0, slice + by)))
  return (
    <div class="blank-page">
      <section class="blank-picture" aria-label={text.title}>
        <BlankPicture image={image} window={volume.windows[0] ?? null} pixelMm={{ row: volume.spacing_kji_mm[1], column: volume.spacing_kji_mm[2] }}
          orientation={displayOrientation(volume.axis_letters as AxisLetters, 0)} name={text.picture(volume.name, slice + 1, slices)}
          boxes={boxes.all} chosen={boxes.chosen} preview={preview} onBoxes={(all, chosen) => setBoxes({ all, chosen })} onStep={step} />
        {slices > 1 && (
          <label class="blank-slices">
            <span>{text.slice}</span>
            <input type="range" min={1} max={slices} value={slice + 1} onInput={(event) => setSlice(event.currentTarget.valueAsNumber - 1)} />
            <output>{text.sliceOf(slice + 1, slices)}</output>
          </label>
        )}
      </section>
      <aside class="blank-side stack">
        <div>
          <h1>{text.title}</h1>
          <p class="soft">{text.lead}</p>
        </div>
        {volume.text_risk && <TextRiskWarning risk={volume.text_risk} href={null} quiet />}
        {item.volumes.length > 1 && (
          <label class="field"><span>{text.series}</span>
            <select class="select" value={volumeId} onChange={(event) => onVolume(event.currentTarget.value)}>
              {item.volumes.map(({ id, name, text_risk: risk }) => <option key={id} value={id}>{risk ? `⚠ ${name}` : name}</option>)}
            </select>
          </label>
        )}
        <BoxList boxes={boxes.all} chosen={boxes.chosen} shape={{ rows: volume.shape_kji[1], columns: volume.shape_kji[2] }}
          onBoxes={(all, chosen) => setBoxes({ all, chosen })} />
        <label class="check"><input type="checkbox" checked={preview} onChange={(event) => setPreview(event.currentTarget.checked)} />{text.preview}</label>
        <ScopeChoice value={scope} slices={slices} alike={alike} onChange={setScope} />
        {problem && <ProblemNotice problem={problem} />}
        {running
          ? <RunningJob title={text.running} job={job} onCancel={() => void api.delete(`/api/jobs/${job.id}`)} />
          : <button type="button" class="button primary" disabled={boxes.all.length === 0} onClick={() => setAsking(true)}>{text.apply}</button>}
        <p id="blank-keys" class="faint">{keysIn(text.keysHint)}</p>
        <section class="blank-check stack">
          <h2>{text.checkedTitle}</h2>
          {volume.text_checked_at
            ? <p class="soft blank-checked"><Icon name="check" size={16} /><span class="grow">{text.checkedAt(formatMoment(volume.text_checked_at, language.value))}</span><button type="button" class="button quiet" onClick={() => void check('volume', false)}>{text.uncheck}</button></p>
            : (
              <>
                <p class="soft">{text.checkHint}</p>
                <button type="button" class="button" onClick={() => void check('volume', true)}>{text.checkVolume}</button>
                {item.volumes.length > 1 && <button type="button" class="button" onClick={() => void check('case', true)}>{text.checkCase}</button>}
              </>
            )}
        </section>
        <a class="button quiet" href={hrefTo.annotate(item.id, volumeId)}>{text.back}</a>
      </aside>
      {asking && <ConfirmBlank onYes={() => void apply()} onNo={() => setAsking(false)} />}
    </div>
  )
}
