// The comments on an open case: a list that leads to the slice and the place, answers, and a form that pins a new one.

import { useId, useRef, useState } from 'preact/hooks'
import type { Annotator } from '../annotate/annotator.ts'
import type { Client } from '../api/client.ts'
import type { Case, CommentIn, Thread } from '../api/project_types.ts'
import type { Label, Page, Problem } from '../api/types.ts'
import { formatMoment } from '../i18n/format.ts'
import { team } from '../i18n/team.ts'
import { language, t } from '../i18n/text.ts'
import { takeFocus } from '../panels/focus.ts'
import { Icon } from '../panels/icon.tsx'
import { ProblemNotice } from '../panels/problem_notice.tsx'
import type { VoxelIndex } from '../viewer/geometry.ts'
import type { Loaded } from './use_loaded.ts'
import { usePlace } from './use_place.ts'

export interface CaseCommentsProps {
  api: Client
  annotator: Annotator
  item: Case
  /** Whose masks are shown, if not one's own. */
  readerId: string | null
  labels: readonly Label[]
  threads: Loaded<Page<Thread>>
  mayComment: boolean
  onClose: () => void
}

export function CaseComments({ api, annotator, item, readerId, labels, threads, mayComment, onClose }: CaseCommentsProps) {
  const text = team().review
  const [problem, setProblem] = useState<Problem | null>(null)

  async function change(method: 'post' | 'patch', path: string, json: unknown): Promise<boolean> {
    const answer = await api[method]<Thread>(path, { json })
    setProblem(answer.error ?? null)
    await threads.reload()
    return !answer.error
  }
  function lead(thread: Thread): void {
    if (thread.volume_id !== annotator.volume.id || thread.slice === null) return
    annotator.lookAt(thread.slice)
    if (thread.label_id !== null) annotator.setActiveLabel(thread.label_id)
    if (thread.place === null) return
    annotator.setPosition([thread.slice, Math.round(thread.place.y), Math.round(thread.place.x)] as unknown as VoxelIndex)
    annotator.setCrosshair(true)
  }
  const blindReader = item.readings.find(({ reader }) => reader.id === readerId)?.reader ?? null // who alone shall see it
  const items = threads.value?.items ?? []
  return (
    <section class="comments" aria-label={text.comments}>
      <header>
        <h2>{text.comments}</h2>
        <button type="button" class="icon-button small" aria-label={t().common.close} onClick={onClose}><Icon name="close" size={16} /></button>
      </header>
      <div class="comments-list">
        {problem && <ProblemNotice problem={problem} />}
        {threads.problem && <ProblemNotice problem={threads.problem} onRetry={threads.reload} />}
        {threads.value && items.length === 0 && <p class="faint">{text.none}</p>}
        <ul>
          {items.map((thread) => (
            <ThreadItem key={thread.first.id} thread={thread} labels={labels} mayComment={mayComment} onLead={() => lead(thread)}
              onAnswer={(body) => change('post', `/api/comments/${thread.first.id}/answers`, { body })}
              onResolve={(resolved) => change('patch', `/api/comments/${thread.first.id}`, { resolved })} />
          ))}
        </ul>
      </div>
      {mayComment && <NewComment annotator={annotator} labels={labels} onAdd={(comment) => change('post', `/api/cases/${item.id}/comments`, { ...comment, reader_id: blindReader?.id ?? null })} />}
    </section>
  )
}

interface ThreadItemProps {
  thread: Thread
  labels: readonly Label[]
  mayComment: boolean
  onLead: () => void
  onAnswer: (body: string) => Promise<boolean>
  onResolve: (resolved: boolean) => Promise<boolean>
}

function ThreadItem({ thread, labels, mayComment, onLead, onAnswer, onResolve }: ThreadItemProps) {
  const text = team().review
  const [answer, setAnswer] = useState<string | null>(null)
  const [closed, setClosed] = useState(false) // an answer was being written: the focus comes back from there
  const label = labels.find(({ id }) => id === thread.label_id)
  const resolved = thread.resolved_at !== null
  async function send(event: Event): Promise<void> {
    event.preventDefault()
    if (await onAnswer(answer!)) close()
  }
  function close(): void {
    setAnswer(null)
    setClosed(true)
  }
  return (
    <li class={resolved ? 'thread resolved' : 'thread'}>
      <div class="thread-where">
        {thread.slice !== null
          ? <button type="button" class="link" onClick={onLead}>{text.slice(thread.slice + 1)}{thread.place && ` · (${Math.round(thread.place.x)}, ${Math.round(thread.place.y)})`}</button>
          : <span class="faint">{text.wholeCase}</span>}
        {label && <span class="tag"><span class="swatch" style={{ background: label.color }} />{label.name}</span>}
        {resolved && <span class="tag">{text.resolved}</span>}
      </div>
      {[thread.first, ...thread.answers].map((comment) => (
        <div key={comment.id} class="comment">
          <p class="faint"><strong>{comment.author.name}</strong> {formatMoment(comment.created_at, language.value)}</p>
          <p class="comment-body">{comment.body}</p>
        </div>
      ))}
      {mayComment && answer === null && (
        <div class="thread-actions">
          <button ref={closed ? takeFocus : null} type="button" class="button quiet" onClick={() => setAnswer('')}>{text.answer}</button>
          <button type="button" class="button quiet" onClick={() => void onResolve(!resolved)}><Icon name={resolved ? 'undo' : 'check'} size={16} />{resolved ? text.reopen : text.resolve}</button>
        </div>
      )}
      {answer !== null && (
        <form class="stack-small" onSubmit={send}>
          <textarea ref={takeFocus} class="input" rows={2} aria-label={text.answer} value={answer} onInput={(event) => setAnswer(event.currentTarget.value)} />
          <div class="thread-actions">
            <button class="button" disabled={answer.trim() === ''}>{text.answer}</button>
            <button type="button" class="button quiet" onClick={close}>{t().common.cancel}</button>
          </div>
        </form>
      )}
    </li>
  )
}

/** A new comment is pinned to the slice and the label that are looked at, unless its author says otherwise. */
function NewComment({ annotator, labels, onAdd }: { annotator: Annotator; labels: readonly Label[]; onAdd: (comment: CommentIn) => Promise<boolean> }) {
  const text = team().review
  const [body, setBody] = useState('')
  const [pinned, setPinned] = useState(true)
  const [choosing, setChoosing] = useState(false)
  const [place, setPlace] = useState<VoxelIndex | null>(null)
  const id = useId()
  const slice = place ? place[0] : annotator.position.value[0]
  const label = labels.find((item) => item.id === annotator.activeLabelId.value)

  const written = useRef<HTMLTextAreaElement>(null)
  const placed = useRef<HTMLButtonElement>(null)
  usePlace(annotator, choosing, (chosen) => {
    setPlace(chosen)
    setChoosing(false)
    placed.current?.focus()
  })

  async function submit(event: Event): Promise<void> {
    event.preventDefault()
    const pin = { volume_id: annotator.volume.id, label_id: label?.id ?? null, slice, place: place ? { x: place[2], y: place[1] } : null }
    if (!(await onAdd({ body, ...(pinned ? pin : {}) }))) return
    setBody('')
    setPlace(null)
    written.current?.focus() // the button that sent it cannot be pressed any more
  }
  return (
    <form class="comment-new" onSubmit={submit}>
      <textarea ref={written} class="input" rows={3} aria-label={text.write} placeholder={text.write} value={body} onInput={(event) => setBody(event.currentTarget.value)} />
      <div class="pin-line">
        <label class="check" for={id}><input id={id} type="checkbox" checked={pinned} onChange={(event) => setPinned(event.currentTarget.checked)} />{text.pinTo(slice + 1, label?.name ?? null)}</label>
        {pinned && (
          <button ref={placed} type="button" class="button quiet" aria-pressed={choosing} onClick={() => { setPlace(null); setChoosing(!choosing) }}>
            <Icon name="crosshair" size={16} />{choosing ? text.choosing : place ? `(${place[2]}, ${place[1]})` : text.choosePlace}
          </button>
        )}
      </div>
      <div><button class="button primary" disabled={body.trim() === ''}>{text.send}</button></div>
    </form>
  )
}
