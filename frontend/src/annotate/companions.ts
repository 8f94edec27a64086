// Other series of the case, shown beside the one that is annotated and linked to it in millimetres: which there are, which
// are open, and what each shows. Nothing is annotated on them; the masks of the annotated series can be laid over them.
import { batch, computed, effect, signal, type ReadonlySignal } from '@preact/signals-core'

import type { Client } from '../api/client.ts'
import type { Person, Problem, VolumeOut } from '../api/types.ts'
import { beyondMm, tiltDegrees } from '../viewer/geometry.ts'
import { mountInput } from '../viewer/input.ts'
import { linkViews } from '../viewer/linked.ts'
import { mountRenderer, type Canvases } from '../viewer/renderer.ts'
import { ResampledMasks, type SliceMasks } from '../viewer/resampled.ts'
import { Session, type LaidOver } from '../viewer/session.ts'
import { shownMasks } from '../viewer/shown_masks.ts'
import { looksOnly, ToolHost } from '../viewer/tools/host.ts'
import { planeNameOf, type PlaneName, type ViewState } from '../viewer/view_state.ts'
import { autoWindow, FULL_BYTE_WINDOW, histogramOf, HISTOGRAM_PARTS, type Histogram, type WindowLevel } from '../viewer/windowing.ts'
import type { Cursor, PictureState, VolumeInfo, Windowed } from './annotator.ts'
import { Measurements } from './measurements.ts'
import type { OutboxStorage } from './outbox_storage.ts'
import { cursorIn, presetsOf, volumeInfo } from './panel_state.ts'
import { SIDE_LOADING } from './pane_views.ts'
import { SliceLoader } from './slice_loader.ts'

export interface SeriesBrief { readonly id: string; readonly name: string; readonly modality: string }

/** More could not be told apart on a screen. */
export const MOST_COMPANIONS = 3

export interface Companion extends Windowed {
  /** Both files say where their images lie; else each is looked at for itself. */
  readonly linked: boolean
  readonly plane: ReadonlySignal<PlaneName>
  readonly slice: ReadonlySignal<number>
  readonly sliceCount: ReadonlySignal<number>
  readonly picture: ReadonlySignal<PictureState>
  /** Under its pointer, else at the place that is pointed at in the annotated series. */
  readonly readout: ReadonlySignal<Cursor | null>
  /** How far beyond its slices the place lies that is looked at; 0: it is shown. */
  readonly beyondMm: ReadonlySignal<number>
  /** By how much its slices lean against those of the annotated series. */
  readonly tiltDegrees: ReadonlySignal<number>
  /** The files name another frame of reference: what lies at one place here need not lie there. */
  readonly elsewhere: boolean
  /** Draws and loads until the returned function is called. */
  attach(canvases: Canvases): () => void
}

export interface CompanionsOptions {
  readonly api: Client
  readonly session: Session
  readonly frameOfReference: string
  /** The other series of the case. */
  readonly others: readonly SeriesBrief[]
  readonly readOnly: boolean
  readonly storage: OutboxStorage
  readonly me: Person
  readonly newId: () => string
  readonly onProblem: (problem: Problem) => void
}

interface Opened extends Companion { readonly view: ViewState; close(): void }

export class Companions {
  readonly others: readonly SeriesBrief[]
  readonly #options: CompanionsOptions
  readonly #open = signal<readonly Opened[]>([])
  readonly #masksOver = signal(true)
  readonly #loading = new Set<string>()
  #closed = false

  readonly open: ReadonlySignal<readonly Companion[]> = this.#open
  /** The masks of the annotated series lie over the others, too. */
  readonly masksOver: ReadonlySignal<boolean> = this.#masksOver

  constructor(options: CompanionsOptions) {
    this.#options = options
    this.others = options.others
  }

  /** The one under the pointer. */
  get looked(): (Companion & { readonly view: ViewState }) | null {
    return this.#open.value.find(({ view }) => view.pointer.value !== null) ?? null
  }

  /** How far the annotated series ends from the place that is looked at in another one. */
  readonly beyondMm = computed(() => {
    const { volume, axis, crossing } = this.#options.session.view
    return this.#open.value.length === 0 ? 0 : beyondMm(volume, axis.value, crossing.value)
  })

  isOpen(volumeId: string): boolean {
    return this.#open.value.some(({ volume }) => volume.id === volumeId)
  }

  setMasksOver(on: boolean): void {
    this.#masksOver.value = on
  }

  /** Resolves when it is beside the annotated series, or gone. With the most open already, the oldest makes room. */
  async toggle(volumeId: string): Promise<void> {
    if (this.isOpen(volumeId)) return this.#remove(({ volume }) => volume.id === volumeId)
    if (this.#loading.has(volumeId)) return
    this.#loading.add(volumeId)
    const { data, error } = await this.#options.api.get<VolumeOut>(`/api/volumes/${volumeId}`)
    this.#loading.delete(volumeId)
    if (this.#closed) return
    if (error) return this.#options.onProblem(error)
    const crowded = this.#open.value.length === MOST_COMPANIONS ? this.#open.value[0] : null
    if (crowded !== null) this.#remove((companion) => companion === crowded)
    this.#open.value = [...this.#open.value, openCompanion(this.#options, this.#masksOver, data)]
  }

  /** None is shown any more. */
  clear(): void {
    this.#remove(() => true)
  }

  close(): void {
    this.#closed = true
    this.clear()
  }

  #remove(goes: (companion: Opened) => boolean): void {
    const leaving = this.#open.value.filter(goes)
    if (leaving.length === 0) return
    this.#open.value = this.#open.value.filter((companion) => !leaving.includes(companion))
    for (const companion of leaving) companion.close()
  }
}

function openCompanion({ api, session: main, frameOfReference, readOnly, storage, me, newId, onProblem }: CompanionsOptions, masksOver: ReadonlySignal<boolean>, out: VolumeOut): Opened {
  const volume = volumeInfo(out)
  const session = new Session({
    volume, readOnly: true, window: out.windows[0] ?? FULL_BYTE_WINDOW, newId, onAccepted: () => {},
    onMeasured: (measuring) => void measurements.add(measuring),
  })
  const measurements = new Measurements({ api, storage, me, newId, volumeId: volume.id, caseId: volume.caseId, session, readOnly, onProblem })
  const { view } = session
  const linked = main.view.volume.sidesKnown && volume.sidesKnown
  const picture = signal<PictureState>({ kind: 'loading' })
  const stops = [
    linked ? linkViews(main.view, view) : () => {},
    effect(() => { session.tool.value = looksOnly(main.tool.value) ? main.tool.value : 'probe' }),
    effect(() => {
      view.interpolated.value = main.view.interpolated.value
      view.crosshair.value = main.view.crosshair.value
      session.magnifier.value = main.magnifier.value
    }),
    linked ? layMasksOver(main, session, volume, masksOver) : () => {},
    () => measurements.close(),
  ]
  void measurements.start()
  return {
    view, volume, linked, picture, readout: computed(() => cursorIn(view)), presets: presetsOf(out), window: view.window, inverted: view.inverted,
    plane: computed(() => planeNameOf(volume, view.axis.value)), slice: view.slice, sliceCount: view.sliceCount,
    beyondMm: computed(() => (linked ? beyondMm(volume, view.axis.value, view.crossing.value) : 0)),
    tiltDegrees: computed(() => (linked ? tiltDegrees(main.view.volume, main.view.axis.value, volume, view.axis.value) : 0)),
    elsewhere: linked && frameOf(out) !== '' && frameOfReference !== '' && frameOf(out) !== frameOfReference,
    histogram: computed<Histogram | null>(() => view.image.value && histogramOf(view.image.value, HISTOGRAM_PARTS)),
    setWindow: ({ width, center }: WindowLevel) => { view.window.value = { width, center } },
    autoWindow: () => { if (view.image.peek()) view.window.value = autoWindow(view.image.peek()!) },
    setInverted: (on) => { view.inverted.value = on },
    attach: (canvases) => {
      const loader = new SliceLoader({ api, volumeId: volume.id, pixels: volume.pixels, shapeKji: volume.shapeKji, onSlice: (slice) => { view.loaded.value = slice }, ...SIDE_LOADING })
      const mounted = [
        effect(() => loader.show(view.axis.value, view.slice.value)),
        effect(() => { picture.value = loader.state.value }),
        mountRenderer(session, view, canvases),
        mountInput(session, view, new ToolHost(session, view), canvases.overlay),
        () => loader.close(),
        () => { view.pointer.value = null },
      ]
      return () => { for (const stop of mounted) stop() }
    },
    close: () => { for (const stop of stops) stop() },
  }
}

/** Follows the masks of the annotated series, also those that nobody accepted; what is being painted is seen here when the
 *  hand lets go. */
function layMasksOver(main: Session, session: Session, volume: VolumeInfo, masksOver: ReadonlySignal<boolean>): () => void {
  const shown = shownMasks(main), there = (masks: SliceMasks) => new ResampledMasks(masks, main.view.volume, volume)
  const accepted = there(shown.accepted), suggested = there(shown.suggested), drafted = there(shown.drafted)
  return effect(() => {
    void main.changes.value
    void main.drafts.value
    void main.suggestions.open.value
    const labels = masksOver.value ? main.labels.value.filter(({ id }) => main.isVisible(id)) : []
    batch(() => {
      session.opacity.value = main.opacity.value
      session.laidOver.value = labels.flatMap(({ id: labelId, color }): LaidOver[] => [
        { labelId, color, masks: suggested, hatch: 'suggestion' },
        { labelId, color, masks: accepted, pattern: main.patternOf(labelId) },
        { labelId, color, masks: drafted, hatch: 'draft' },
      ])
    })
  })
}

export function frameOf({ series }: VolumeOut): string {
  const uid: unknown = series['frame_of_reference_uid']
  return typeof uid === 'string' ? uid : ''
}
