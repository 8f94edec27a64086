// Opens a volume for annotation, puts it on canvases and keys, and stands between it and the server. Its parts are parts.ts,
// what is looked at looking.ts, what is drawn editing.ts; the interface that panels build on is annotator.ts, what a person
// can do actions.ts.
import { computed, type ReadonlySignal } from '@preact/signals-core'

import { need } from '../api/client.ts'
import type { AnnotationOut, Me, Page, Problem, RevisionOut, VolumeOut } from '../api/types.ts'
import { mountInput } from '../viewer/input.ts'
import { LabelMasks } from '../viewer/label_masks.ts'
import { mountRenderer } from '../viewer/renderer.ts'
import type { Annotator, Canvases, SavingState } from './annotator.ts'
import { Editing } from './editing.ts'
import { bindKeys } from './keyboard.ts'
import { showKeys } from './keymap.ts'
import { IndexedDbStorage } from './outbox_storage.ts'
import { withMeasurements } from './panel_state.ts'
import { partsOf, type AnnotatorOptions, type Parts } from './parts.ts'

export type * from './annotator.ts'
export type { AnnotatorOptions } from './parts.ts'

/** The other version of a contested mask: white is no label's colour. */
const THEIRS = '#ffffff'

/** Loads the volume and what is known of the caller's masks; these come after the picture (`ready`). Rejects with an ApiError (`error.problem`). */
export async function openAnnotator(options: AnnotatorOptions): Promise<Annotator> {
  const { api, volumeId, annotatorId } = options
  const answers = await Promise.all([
    api.get<VolumeOut>(`/api/volumes/${volumeId}`),
    api.get<Me>('/api/me'),
    api.get<Page<AnnotationOut>>('/api/annotations', { query: { volume_id: volumeId, annotator_id: annotatorId } }),
  ])
  const volume = need(answers[0]), me = need(answers[1]), annotations = need(answers[2])
  const storage = (options.storage ?? ((userId) => new IndexedDbStorage(userId)))(me.id)
  return new OpenAnnotator(partsOf(options, volume, me, storage), options.labels, annotations.items)
}

class OpenAnnotator extends Editing implements Annotator {
  readonly saving: ReadonlySignal<SavingState>
  readonly ready: Promise<void>
  #closed = false

  constructor(parts: Parts, labels: AnnotatorOptions['labels'], annotations: readonly AnnotationOut[]) {
    super(parts)
    this.saving = computed(() => withMeasurements(parts.outbox.saving.value, parts.measurements.waiting))
    showKeys(parts.me.keys)
    this.setLabels(labels)
    if (labels.length > 0 && !parts.readOnly) this.session.tool.value = 'point'
    this.ready = this.#start(annotations)
  }

  // -- opening and closing --
  /** Loads the masks of these annotations. Of the caller's own, and of those that they correct, with what waits for the
   *  server; work begins. Nothing is learned from corrections, and nothing is proposed to who makes them. */
  async #start(annotations: readonly AnnotationOut[]): Promise<void> {
    const { masksReady } = this.session
    masksReady.value = false
    void this.measurements.start()
    const own = this.parts.annotatorId === null, looksOnly = !own && this.parts.readOnly
    await (looksOnly ? this.parts.stored.show(annotations) : this.parts.stored.load(annotations))
    masksReady.value = true
    if (this.#closed || looksOnly) return
    this.parts.outbox.start()
    if (this.parts.readOnly) return
    this.parts.assistant.start()
    this.parts.stops.push(this.parts.meter.watch(this.session))
    if (!own) return
    this.learning.start()
    void this.review.start()
  }

  attach(canvases: Canvases): () => void {
    const online = () => this.flush()
    const leaving = (event: BeforeUnloadEvent) => {
      if (this.saving.peek().kind !== 'saved') event.preventDefault()
    }
    this.overlay = canvases.overlay
    globalThis.addEventListener('online', online)
    globalThis.addEventListener('beforeunload', leaving)
    const stops = [
      mountRenderer(this.session, this.session.view, canvases),
      mountInput(this.session, this.session.view, this.host, canvases.overlay),
      bindKeys(this, this.parts.page, window, this.host),
      () => globalThis.removeEventListener('online', online),
      () => globalThis.removeEventListener('beforeunload', leaving),
      () => { this.overlay = null },
    ]
    return () => { for (const stop of stops) stop() }
  }

  close(): void {
    this.#closed = true
    this.setPlaying(false)
    this.parts.assistant.stop()
    this.learning.close()
    this.review.close()
    this.panes.close()
    this.rounds.stop()
    this.parts.slices.close()
    this.parts.outbox.close()
    this.measurements.close()
    for (const stop of this.parts.stops) stop()
  }

  // -- the world outside --
  flush(): void {
    void this.parts.outbox.flush()
    this.measurements.flush()
  }

  resolveConflict(choice: 'mine' | 'theirs' | ReadonlySet<number>): void {
    this.layOver([])
    void this.parts.outbox.resolveConflict(choice)
  }

  async lookAtConflict(slice: number): Promise<void> {
    const state = this.saving.peek()
    if (state.kind !== 'conflict') return
    this.lookAt(slice)
    const theirs = await this.parts.outbox.contested()
    if (theirs === null) return
    const masks = new LabelMasks(this.volume.shapeKji)
    for (const [other, mask] of theirs) masks.set(state.labelId, other, mask)
    this.layOver([{ labelId: state.labelId, color: THEIRS, masks }])
  }

  history(): Promise<readonly RevisionOut[] | null> {
    return this.parts.stored.history()
  }

  restore(sequence: number): Promise<Problem | null> {
    return this.parts.stored.restore(sequence)
  }
}
