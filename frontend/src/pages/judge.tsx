// Judging a blinded comparison: two pictures, one question, and the next pair at once. What is compared is not on the page.

import { useEffect, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks'
import { uuid7Maker } from '../annotate/ids.ts'
import { pairOpener, type PairToShow, type PairView } from '../annotate/pair_view.ts'
import { ApiError, problem as makeProblem } from '../api/client.ts'
import type { Choice, Comparison, Judged, Turn } from '../api/comparison_types.ts'
import type { Project } from '../api/project_types.ts'
import type { Problem } from '../api/types.ts'
import { comparisonTexts } from '../i18n/comparisons_text.ts'
import { t } from '../i18n/text.ts'
import { keysIn } from '../panels/annotate/action_text.ts'
import { PictureStateView } from '../panels/annotate/picture_state.tsx'
import { Icon } from '../panels/icon.tsx'
import { ProblemNotice } from '../panels/problem_notice.tsx'
import { useApp } from './app_state.ts'
import { Frame } from './frame.tsx'
import { hrefTo } from './router.ts'
import { useTitle } from './title.ts'
import { useLoaded } from './use_loaded.ts'

interface Opened { readonly item: Comparison; readonly project: Project; readonly judged: Judged | null }

export function JudgePage({ comparisonId }: { comparisonId: string }) {
  const { api } = useApp()
  const text = comparisonTexts()
  const path = `/api/comparisons/${comparisonId}`
  const opened = useLoaded<Opened>(async (signal) => {
    const item = await api.get<Comparison>(path, { signal })
    if (item.error) return item
    const project = await api.get<Project>(`/api/projects/${item.data.project_id}`, { signal })
    if (project.error) return project
    if (item.data.mine === null) return { data: { item: item.data, project: project.data, judged: null } }
    const judged = await api.get<Judged>(`${path}/progress`, { signal })
    return judged.error ? judged : { data: { item: item.data, project: project.data, judged: judged.data } }
  }, [path])
  useTitle(opened.value?.item.name)
  if (opened.problem) return <Frame><div class="page-inner narrow"><ProblemNotice problem={opened.problem} onRetry={opened.reload} /></div></Frame>
  if (!opened.value) return <Frame crumbs={[{ label: '…' }]}><div class="page-inner" role="status" aria-label={t().common.loading} /></Frame>
  const { item, project, judged } = opened.value
  const crumbs = [{ label: project.name, href: hrefTo.project(project.id, 'comparisons') }, { label: item.name }]
  const back = <div class="actions"><a class="button" href={hrefTo.project(project.id, 'comparisons')}>{text.list}</a></div>
  const idle = judged === null ? text.page.notReader : item.state !== 'ready' ? text.page.preparing : null
  if (idle !== null || judged === null) return <Frame crumbs={crumbs}><div class="empty"><h1>{item.name}</h1><p>{idle}</p>{back}</div></Frame>
  if (item.mine!.finished_at !== null || item.closed_at !== null) return <Finished projectId={project.id} />
  return <Pairs path={path} item={item} judged={judged} crumbs={crumbs} onFinished={() => void opened.reload()} />
}

/** The tally stands with the project's comparisons. */
function Finished({ projectId }: { projectId: string }) {
  const { router } = useApp()
  useEffect(() => router.navigate(hrefTo.project(projectId, 'comparisons'), { replace: true }), [])
  return null
}

interface Shown { readonly turn: Turn; readonly view: PairView }

interface PairsProps { path: string; item: Comparison; judged: Judged; crumbs: ReadonlyArray<{ label: string; href?: string }>; onFinished: () => void }

function Pairs({ path, item, judged, crumbs, onFinished }: PairsProps) {
  const { api, toasts } = useApp()
  const text = comparisonTexts().page
  const [position, setPosition] = useState(judged.next ?? judged.of)
  const [shown, setShown] = useState<Shown | null>(null)
  const [problem, setProblem] = useState<Problem | null>(null)
  const [done, setDone] = useState(judged)
  const [attempt, setAttempt] = useState(0)
  const opener = useMemo(() => pairOpener(api), [api])
  const newId = useMemo(() => uuid7Maker(() => Date.now(), (bytes) => crypto.getRandomValues(bytes)), [])
  const turns = useMemo(() => new Map<number, Promise<Turn | Problem>>(), [path])
  const shownAt = useRef(0)
  const sending = useRef(false)

  function ask(at: number): Promise<Turn | Problem> {
    const known = turns.get(at)
    if (known) return known
    const asked = api.get<Turn>(`${path}/turns/${at}`).then(({ data, error }) => {
      if (error) turns.delete(at)
      return data ?? error!
    })
    turns.set(at, asked)
    return asked
  }
  useEffect(() => {
    let left = false
    setProblem(null)
    if (position < done.of) {
      void ask(position).then(async (found) => {
        if (left) return
        if ('code' in found) return setProblem(found)
        const made = await opener.open(pairOf(found)).catch((reason: unknown) => {
          if (!left) setProblem(reason instanceof ApiError ? reason.problem : makeProblem('unexpected', t().annotate.loadFailed, String(reason)))
          return null
        })
        if (made === null) return
        if (left) return made.close()
        shownAt.current = performance.now()
        setShown((before) => { // the pair before stays on the screen until then
          before?.view.close()
          return { turn: found, view: made }
        })
        if (position + 1 < done.of) void ask(position + 1).then((next) => { if (!('code' in next)) opener.ahead(pairOf(next)) })
      })
    }
    return () => { left = true }
  }, [position, attempt])
  const last = useRef<Shown | null>(null)
  last.current = shown
  useEffect(() => () => last.current?.view.close(), [])
  const ready = shown !== null && shown.turn.position === position && shown.view.picture.value.kind === 'shown'

  async function say(choice: Choice): Promise<void> {
    if (!ready || sending.current) return
    sending.current = true
    const seconds = Math.round((performance.now() - shownAt.current) / 100) / 10
    const answer = await api.post<Judged>(`${path}/votes`, { json: { id: newId(), position, choice, seconds }, idempotent: true })
    sending.current = false
    if (answer.error) return toasts.problem(answer.error)
    turns.delete(position)
    setDone(answer.data)
    setPosition(position + 1)
  }
  async function finish(): Promise<void> {
    if (done.next !== null) return setPosition(done.next)
    const answer = await api.post(`${path}/finish`, { idempotent: true })
    if (answer.error) toasts.problem(answer.error)
    else onFinished()
  }
  const back = () => { if (position > 0) setPosition(position - 1) }

  const view = shown?.view ?? null
  const now = useRef({ say, back, view })
  now.current = { say, back, view }
  useEffect(() => {
    const down = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.altKey || event.metaKey || event.repeat) return
      const choice = CHOICE_KEYS[event.key]
      if (choice) void now.current.say(choice)
      else if (event.key === 'Backspace') now.current.back()
      else if (event.key.toLowerCase() === 's') now.current.view?.setMasksVisible(!now.current.view.masksVisible.peek())
      else return
      event.preventDefault()
    }
    window.addEventListener('keydown', down)
    return () => window.removeEventListener('keydown', down)
  }, [])

  const near = <span class="case-number" role="status">{text.place(Math.min(position + 1, done.of), done.of)}</span>
  if (position >= done.of) {
    return (
      <Frame crumbs={crumbs} near={near}>
        <div class="empty">
          <h1>{text.done(done.of)}</h1>
          <p>{text.doneDetail}</p>
          <div class="actions">
            <button type="button" class="button primary" onClick={() => void finish()}><Icon name="check" />{text.finish}</button>
            <button type="button" class="button" onClick={back}><Icon name="previous" />{text.again}</button>
          </div>
        </div>
      </Frame>
    )
  }
  const said = ready ? shown.turn.choice : null
  return (
    <Frame crumbs={crumbs} near={near}>
      <div class="judge">
        <h1>{shown ? text.question(shown.turn.label_name) : item.name}</h1>
        {problem && <ProblemNotice problem={problem} onRetry={() => setAttempt(attempt + 1)} />}
        <div class="judge-pictures">
          <Side view={view} side={0} name={text.a} />
          <Side view={view} side={1} name={text.b} />
        </div>
        <div class="judge-answers">
          <button type="button" class="button large" aria-pressed={said === 'left'} disabled={!ready} onClick={() => void say('left')}>{text.left}<kbd>1</kbd></button>
          <button type="button" class="button large" aria-pressed={said === 'none'} disabled={!ready} onClick={() => void say('none')}>{text.none}<kbd>0</kbd></button>
          <button type="button" class="button large" aria-pressed={said === 'right'} disabled={!ready} onClick={() => void say('right')}>{text.right}<kbd>2</kbd></button>
        </div>
        <div class="judge-foot">
          <button type="button" class="button quiet" disabled={position === 0} onClick={back}><Icon name="previous" size={16} />{text.back}</button>
          <button type="button" class="button quiet" aria-pressed={view !== null && !view.masksVisible.value} disabled={view === null} onClick={() => view!.setMasksVisible(!view!.masksVisible.peek())}><Icon name="hidden" size={16} />{text.hide}</button>
          <p class="faint">{said !== null ? text.said : keysIn(text.keys)}</p>
        </div>
      </div>
    </Frame>
  )
}

const CHOICE_KEYS: Readonly<Record<string, Choice>> = {
  1: 'left', 2: 'right', 0: 'none', ArrowLeft: 'left', ArrowRight: 'right', ArrowDown: 'none',
}

function pairOf({ volume_id: volumeId, slice, label_name: name, label_color: color, left, right }: Turn): PairToShow {
  return { volumeId, slice, name, color, left, right }
}

function Side({ view, side, name }: { view: PairView | null; side: 0 | 1; name: string }) {
  const picture = useRef<HTMLCanvasElement>(null)
  const overlay = useRef<HTMLCanvasElement>(null)
  useLayoutEffect(() => view?.attach(side, { picture: picture.current!, overlay: overlay.current! }), [view])
  return (
    <div class="pane">
      <canvas ref={picture} aria-hidden="true" />
      <canvas ref={overlay} tabIndex={0} role="img" aria-label={name} />
      <div class="pane-name"><b>{name}</b></div>
      {view && <PictureStateView state={view.picture.value} />}
    </div>
  )
}
