// Opens a volume for annotation and ties the parts together: session, slices, assistant, outbox, canvases, keys.
// The interface that panels build on is in annotator.ts; what a person can do is in actions.ts.
import { computed, effect, signal, type ReadonlySignal } from '@preact/signals-core'

import { need, type Client } from '../api/client.ts'
import type { AnnotationOut, Me, Page, Problem, RevisionOut, VolumeOut } from '../api/types.ts'
import { screenPoint } from '../viewer/camera.ts'
import { planeOf, type Axis, type VoxelIndex } from '../viewer/geometry.ts'
import { mountInput } from '../viewer/input.ts'
import { LabelMasks } from '../viewer/label_masks.ts'
import { toCoco } from '../viewer/mask.ts'
import { mountRenderer } from '../viewer/renderer.ts'
import { Session, type Accepted, type LaidOver } from '../viewer/session.ts'
import { clearSlice, copyFromSlice, editBy, gap, interpolate } from '../viewer/slice_edits.ts'
import { KeyboardHand } from '../viewer/tools/hand.ts'
import { ToolHost } from '../viewer/tools/host.ts'
import { planesOf } from '../viewer/view_state.ts'
import { autoWindow, FULL_BYTE_WINDOW, histogramOf, HISTOGRAM_PARTS, type Histogram, type WindowLevel } from '../viewer/windowing.ts'
import type {
  Annotator, AssistantState, Canvases, MaskEdit, PageCommands, PictureState, SavingState, ToolId, VolumeInfo, WindowPreset,
} from './annotator.ts'
import { Assistant, promptsOnWire } from './assistant.ts'
import { frameOf, type SeriesBrief } from './companions.ts'
import { Drawing } from './drawing.ts'
import { uuid7Maker } from './ids.ts'
import { bindKeys } from './keyboard.ts'
import { showKeys } from './keymap.ts'
import { Learning } from './learning.ts'
import { Measurements } from './measurements.ts'
import { Outbox } from './outbox.ts'
import { IndexedDbStorage, type OutboxStorage } from './outbox_storage.ts'
import { PaneViews } from './pane_views.ts'
import { cursorOf, labelsOf, marksOf, presetsOf, proposalStateOf, volumeInfo, withMeasurements } from './panel_state.ts'
import { Review } from './review.ts'
import { Rounds } from './rounds.ts'
import { SliceLoader } from './slice_loader.ts'
import { StoredMasks } from './stored_masks.ts'
import { WorkMeter } from './work_meter.ts'

export type * from './annotator.ts'

export interface AnnotatorOptions {
  readonly api: Client
  readonly projectId: string
  /** The project's. */
  readonly labels: Parameters<Annotator['setLabels']>[0]
  /** A voxel belongs to one of them at most. */
  readonly exclusive?: boolean
  readonly volumeId: string
  readonly page: PageCommands
  /** The other series of the case, which can be shown beside it. */
  readonly others?: readonly SeriesBrief[]
  /** The caller's role allows looking only: nothing is drawn, asked or encoded. */
  readonly readOnly?: boolean
  /** Whose masks are shown, if not the caller's own. Without `readOnly` the caller reviews and corrects them. */
  readonly annotatorId?: string
  /** Where revisions wait for the server; the browser's database if not given. */
  readonly storage?: (userId: string) => OutboxStorage
}

const FRAME_MS = 80
const PREVIEWS = 'sammed.previews'
/** The other version of a contested mask: white is no label's colour. */
const THEIRS = '#ffffff'

/** Loads the volume and the caller's masks. Rejects with an ApiError (`error.problem`). */
export async function openAnnotator(options: AnnotatorOptions): Promise<Annotator> {
  const { api, volumeId, annotatorId } = options
  const answers = await Promise.all([
    api.get<VolumeOut>(`/api/volumes/${volumeId}`),
    api.get<Me>('/api/me'),
    api.get<Page<AnnotationOut>>('/api/annotations', { query: { volume_id: volumeId, annotator_id: annotatorId } }),
  ])
  const volume = need(answers[0]), me = need(answers[1]), annotations = need(answers[2])
  const storage = (options.storage ?? ((userId) => new IndexedDbStorage(userId)))(me.id)
  const annotator = new OpenAnnotator(options, volume, me, storage)
  try {
    await annotator.start(annotations.items)
  } catch (reason) {
    annotator.close()
    throw reason
  }
  return annotator
}

class OpenAnnotator implements Annotator {
  readonly volume: VolumeInfo
  readonly planes: Annotator['planes']
  readonly presets: readonly WindowPreset[]

  readonly #api: Client
  readonly #page: PageCommands
  readonly #readOnly: boolean
  /** Whose masks they are, if not the caller's. */
  readonly #annotatorId: string | null
  readonly #session: Session
  readonly #host: ToolHost
  readonly #hand: KeyboardHand
  #overlay: HTMLElement | null = null
  readonly #slices: SliceLoader
  readonly #assistant: Assistant
  readonly #outbox: Outbox
  readonly #stored: StoredMasks
  readonly #meter = new WorkMeter(() => performance.now())
  readonly #newId: () => string
  readonly #playing = signal(false)
  readonly #stops: (() => void)[] = []
  #timer: ReturnType<typeof setInterval> | undefined

  // Read by panels; every one is a signal of a part, or computed from several.
  readonly axis; readonly plane; readonly slice; readonly sliceCount; readonly position; readonly window; readonly inverted
  readonly interpolated; readonly crosshair; readonly neurological; readonly magnifier; readonly zoom; readonly activeLabelId; readonly masksVisible; readonly opacity; readonly patterns
  readonly tool; readonly canDraw; readonly brushRadiusMm; readonly threshold; readonly canUndo; readonly canRedo
  readonly playing: ReadonlySignal<boolean> = this.#playing
  readonly picture: ReadonlySignal<PictureState>
  readonly saving: ReadonlySignal<SavingState>
  readonly assistant: ReadonlySignal<AssistantState>
  readonly previews: ReadonlySignal<boolean>
  readonly model: ReadonlySignal<string | null>
  readonly learning: Learning
  readonly review: Review
  readonly rounds: Rounds
  readonly panes: PaneViews
  readonly drawing: Drawing
  readonly measurements: Measurements
  readonly cursor; readonly labels; readonly marks; readonly proposal

  constructor({ api, projectId, volumeId, page, others = [], readOnly = false, labels, exclusive = false, annotatorId: ofAnother }: AnnotatorOptions, volume: VolumeOut, me: Me, storage: OutboxStorage) {
    this.#api = api
    this.#page = page
    this.#readOnly = readOnly
    const annotatorId = this.#annotatorId = ofAnother ?? null
    this.volume = volumeInfo(volume)
    this.presets = presetsOf(volume)
    this.planes = planesOf(this.volume).map((axis) => ({ axis, plane: planeOf(this.volume, axis) }))
    this.#newId = uuid7Maker(() => Date.now(), (bytes) => crypto.getRandomValues(bytes))
    const session = new Session({
      volume: this.volume, readOnly, exclusive, window: volume.windows[0] ?? FULL_BYTE_WINDOW,
      newId: this.#newId, onAccepted: (accepted) => this.#post(accepted),
      onDecision: (decision) => this.review.decided(decision), onWork: (slice, work) => this.#meter.did(slice, work),
      onMeasured: (measuring) => void this.measurements.add(measuring),
      pictureOf: (slice) => this.#slices.pictureOf(0, slice),
    })
    this.#session = session
    this.#host = new ToolHost(session)
    this.#hand = new KeyboardHand(session, this.#host)
    this.panes = new PaneViews({
      api, session, storage, me, volume: this.volume, others, readOnly, newId: this.#newId, frameOfReference: frameOf(volume),
      onProblem: (problem) => page.problem(problem),
    })
    this.#slices = new SliceLoader({
      api, volumeId, pixels: volume.pixels, shapeKji: this.volume.shapeKji, onSlice: (slice) => { session.view.loaded.value = slice },
    })
    this.#assistant = new Assistant({ api, volumeId, session })
    this.#outbox = new Outbox({
      api, storage, volumeId, annotatorId, newId: this.#newId,
      localMask: (labelId, slice) => session.masks.get(labelId, slice),
      onServerMask: (labelId, slice, mask) => session.edits.replaceMask(labelId, slice, mask),
      onSent: () => void this.learning.refreshSoon(),
    })
    this.#stored = new StoredMasks({ api, volume: this.volume, annotatorId, session, outbox: this.#outbox, newId: this.#newId })
    this.rounds = new Rounds({ api, session, volume: this.volume, personId: annotatorId ?? me.id })
    this.review = new Review({
      api, projectId, volumeId, session, storage, outbox: this.#outbox, newId: this.#newId, telemetry: () => this.#meter.take(),
      onStale: (labelId) => this.#stored.reload(labelId),
    })
    this.learning = new Learning({
      api, volumeId, activeLabelId: session.activeLabelId, automatic: me.auto_learn,
      onProposals: (labelId, ended) => void this.review.update(labelId, ended),
    })

    const { view } = session
    this.axis = view.axis
    this.plane = computed(() => planeOf(this.volume, view.axis.value))
    this.slice = view.slice
    this.sliceCount = view.sliceCount
    this.position = view.position
    this.window = view.window
    this.inverted = view.inverted
    this.interpolated = view.interpolated
    this.crosshair = view.crosshair
    this.neurological = view.neurological
    this.magnifier = session.magnifier
    this.zoom = view.zoom
    this.picture = this.#slices.state
    this.activeLabelId = session.activeLabelId
    this.masksVisible = session.masksVisible
    this.opacity = session.opacity
    this.patterns = session.patterns
    session.patterns.value = me.label_patterns
    this.tool = session.tool
    this.canDraw = session.canDraw
    this.brushRadiusMm = session.strokes.radiusMm
    this.threshold = session.limits.range
    this.drawing = new Drawing(session)
    this.measurements = new Measurements({
      api, storage, me, newId: this.#newId, volumeId, caseId: volume.case_id, session, readOnly, onProblem: (problem) => page.problem(problem),
    })
    this.canUndo = session.history.canUndo
    this.canRedo = session.history.canRedo
    this.saving = computed(() => withMeasurements(this.#outbox.saving.value, this.measurements.waiting))
    this.assistant = this.#assistant.state
    this.previews = this.#assistant.previews
    this.#assistant.previews.value = globalThis.localStorage?.getItem(PREVIEWS) !== 'off'
    this.model = this.#assistant.model

    this.cursor = cursorOf(this.panes)
    this.labels = labelsOf(session, this.volume, this.review)
    this.marks = marksOf(session, this.volume, this.review, this.#assistant)
    this.proposal = proposalStateOf(session, this.review)

    showKeys(me.keys)
    this.setLabels(labels)
    if (labels.length > 0 && !readOnly) session.tool.value = 'point'
    this.#stops.push(effect(() => this.#slices.show(view.axis.value, view.slice.value)))
  }

  readonly histogram = computed<Histogram | null>(() => {
    const image = this.#session.view.image.value
    return image && histogramOf(image, HISTOGRAM_PARTS)
  })

  readonly canInterpolate = computed(() => {
    void this.#session.changes.value
    return gap(this.#session) !== null
  })

  // -- opening and closing --
  /** Loads the masks of these annotations. Of the caller's own, and of those that they correct, with what waits for the
   *  server; work begins. Nothing is learned from corrections, and nothing is proposed to who makes them. */
  async start(annotations: readonly AnnotationOut[]): Promise<void> {
    void this.measurements.start()
    const own = this.#annotatorId === null
    if (!own && this.#readOnly) return this.#stored.show(annotations)
    await this.#stored.load(annotations)
    this.#outbox.start()
    if (this.#readOnly) return
    this.#assistant.start()
    this.#stops.push(this.#meter.watch(this.#session))
    if (!own) return
    this.learning.start()
    void this.review.start()
  }

  attach(canvases: Canvases): () => void {
    const online = () => this.flush()
    const leaving = (event: BeforeUnloadEvent) => {
      if (this.saving.peek().kind !== 'saved') event.preventDefault()
    }
    this.#overlay = canvases.overlay
    globalThis.addEventListener('online', online)
    globalThis.addEventListener('beforeunload', leaving)
    const stops = [
      mountRenderer(this.#session, this.#session.view, canvases),
      mountInput(this.#session, this.#session.view, this.#host, canvases.overlay),
      bindKeys(this, this.#page, window, this.#host),
      () => globalThis.removeEventListener('online', online),
      () => globalThis.removeEventListener('beforeunload', leaving),
      () => { this.#overlay = null },
    ]
    return () => { for (const stop of stops) stop() }
  }

  close(): void {
    this.setPlaying(false)
    this.#assistant.stop()
    this.learning.close()
    this.review.close()
    this.panes.close()
    this.rounds.stop()
    this.#slices.close()
    this.#outbox.close()
    this.measurements.close()
    for (const stop of this.#stops) stop()
  }

  #post({ id, labelId, slices, origin, prompts, model, learnedPrompt, suggestionId, reverts }: Accepted): void {
    const { points, box } = promptsOnWire(prompts)
    void this.#outbox.add(labelId, {
      id, origin: this.#annotatorId === null ? origin : 'review', slices: slices.map(({ slice, flips }) => ({ slice, flips: toCoco(flips) })),
      ...(prompts.length > 0 ? { prompts: { points, box: box ?? null } } : {}),
      ...(model === null ? {} : { model: { name: model, learned_prompt: learnedPrompt, proposal: suggestionId } }),
      ...(reverts === null ? {} : { reverts }),
      telemetry: this.#meter.take(),
    })
  }

  // -- what is looked at --
  setAxis(axis: Axis): void {
    this.#host.cancel()
    this.#session.view.setAxis(axis)
  }

  setSlice(index: number): void {
    this.#session.view.setSlice(index)
  }

  moveSlices(steps: number): void {
    const view = this.panes.looked
    view.setSlice(view.slice.peek() + steps)
  }

  lookAt(slice: number): void {
    this.setAxis(0)
    this.setSlice(slice)
  }

  setPosition(voxel: VoxelIndex): void {
    this.#session.view.setPosition(voxel)
  }

  setWindow({ width, center }: WindowLevel): void {
    this.#session.view.window.value = { width, center }
  }

  autoWindow(): void {
    const { image, window } = this.panes.looked
    if (image.peek()) window.value = autoWindow(image.peek()!)
  }

  usePreset(index: number): void {
    const looked = this.panes.companions.looked ?? this
    const preset = looked.presets[index]
    if (preset) looked.setWindow(preset)
  }

  invert(): void {
    const { inverted } = this.panes.looked
    inverted.value = !inverted.peek()
  }

  setInverted(on: boolean): void {
    this.#session.view.inverted.value = on
  }

  setInterpolated(on: boolean): void {
    this.#session.view.interpolated.value = on
  }

  setCrosshair(on: boolean): void {
    this.#session.view.crosshair.value = on
  }

  setNeurological(on: boolean): void {
    this.#session.view.neurological.value = on
  }

  setMagnifier(on: boolean): void {
    this.#session.magnifier.value = on
  }

  setPlaying(on: boolean): void {
    if (on === this.#playing.peek()) return
    this.#playing.value = on
    if (on) this.#timer = setInterval(() => this.setSlice((this.slice.peek() + 1) % this.sliceCount.peek()), FRAME_MS)
    else clearInterval(this.#timer)
  }

  zoomBy(factor: number): void {
    const view = this.panes.looked
    const { width, height } = view.viewport.peek()
    view.zoomAbout(view.pointer.peek() ?? screenPoint(width / 2, height / 2), factor)
  }

  fit(): void {
    this.panes.looked.setCamera(null)
  }

  rotate(): void {
    this.panes.looked.rotate()
  }

  flip(direction: 'horizontal' | 'vertical'): void {
    this.panes.looked.flip(direction)
  }

  resetView(): void {
    this.panes.looked.reset()
  }

  // -- labels and tools --
  setTool(tool: ToolId): void {
    this.#host.cancel()
    this.#session.tool.value = tool
  }

  setActiveLabel(id: string): void {
    this.#session.setActiveLabel(id)
  }

  setLabelVisible(id: string, visible: boolean): void {
    this.#session.setLabelVisible(id, visible)
  }

  setMasksVisible(visible: boolean): void {
    this.#session.masksVisible.value = visible
  }

  setOpacity(opacity: number): void {
    this.#session.setOpacity(opacity)
  }

  setPatterns(on: boolean): void {
    this.#session.patterns.value = on
    void this.#api.patch<Me>('/api/me', { json: { label_patterns: on }, idempotent: true }).then(({ error }) => {
      if (error) this.#page.problem(error)
    })
  }

  layOver(masks: readonly LaidOver[]): void {
    this.#session.laidOver.value = masks
  }

  setBrushRadiusMm(radius: number): void {
    this.#session.strokes.setRadiusMm(radius)
  }

  setThreshold(range: readonly [low: number, high: number] | null): void {
    this.#session.limits.range.value = range
  }

  setLabels(labels: Parameters<Annotator['setLabels']>[0]): void {
    this.#session.setLabels(labels.map(({ id, name, color, value, shortcut }) =>
      ({ id, name, color, value, shortcut: shortcut ?? null })))
  }

  focusPicture(): void {
    this.#overlay?.focus({ preventScroll: true })
  }

  movePointer(dxPx: number, dyPx: number): void {
    this.focusPicture() // as a press of the mouse does: Enter then accepts, and presses no button
    this.#hand.move(dxPx, dyPx)
  }

  pressPointer(opposite: boolean): void {
    this.focusPicture()
    this.#hand.press(opposite)
  }

  // -- proposals and masks --
  accept(): void {
    if (this.#session.suggestion.peek()) void this.review.accept()
    else this.#session.accept()
  }

  reject(): void {
    if (!this.#session.reject()) this.#session.decline('rejected')
  }

  declareAbsent(): void {
    this.#session.reject() // what was tried by hand goes first
    this.#session.decline('absent')
  }

  declareEnd(): void {
    this.#session.reject()
    this.#session.declineBeyond()
  }

  setPlain(plain: boolean): void {
    this.#session.setPlain(plain)
  }

  setPreviews(on: boolean): void {
    this.#assistant.previews.value = on
    globalThis.localStorage?.setItem(PREVIEWS, on ? 'on' : 'off')
  }

  removeLastPrompt(): void {
    this.#session.removeLastPrompt()
  }

  askNow(): void {
    this.#session.askNow()
  }

  undo(): void {
    this.#host.cancel()
    this.#session.undo()
  }

  redo(): void {
    this.#host.cancel()
    this.#session.redo()
  }

  clearSlice(): void {
    clearSlice(this.#session)
  }

  copyFromSlice(step: -1 | 1): void {
    copyFromSlice(this.#session, step)
  }

  editMask(edit: MaskEdit): void {
    editBy(this.#session, edit)
  }

  interpolate(): void {
    interpolate(this.#session)
  }

  // -- the world outside --
  flush(): void {
    void this.#outbox.flush()
    this.measurements.flush()
  }

  resolveConflict(choice: 'mine' | 'theirs' | ReadonlySet<number>): void {
    this.layOver([])
    void this.#outbox.resolveConflict(choice)
  }

  async lookAtConflict(slice: number): Promise<void> {
    const state = this.saving.peek()
    if (state.kind !== 'conflict') return
    this.lookAt(slice)
    const theirs = await this.#outbox.contested()
    if (theirs === null) return
    const masks = new LabelMasks(this.volume.shapeKji)
    for (const [other, mask] of theirs) masks.set(state.labelId, other, mask)
    this.layOver([{ labelId: state.labelId, color: THEIRS, masks }])
  }

  history(): Promise<readonly RevisionOut[] | null> {
    return this.#stored.history()
  }

  restore(sequence: number): Promise<Problem | null> {
    return this.#stored.restore(sequence)
  }
}
