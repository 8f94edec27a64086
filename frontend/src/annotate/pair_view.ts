// Two masks of one slice side by side, through one view, without a word of where they are from: what a blinded comparison
// shows. Nothing is drawn here.
import { effect, type ReadonlySignal } from '@preact/signals-core'

import { need, type Client } from '../api/client.ts'
import type { Rle, VolumeOut } from '../api/types.ts'
import { mountInput } from '../viewer/input.ts'
import { LabelMasks } from '../viewer/label_masks.ts'
import { fromCoco } from '../viewer/mask.ts'
import { mountRenderer, type Canvases } from '../viewer/renderer.ts'
import { Session } from '../viewer/session.ts'
import { ToolHost } from '../viewer/tools/host.ts'
import { FULL_BYTE_WINDOW } from '../viewer/windowing.ts'
import type { PictureState } from './annotator.ts'
import { volumeInfo } from './panel_state.ts'
import { SliceLoader } from './slice_loader.ts'

export interface PairToShow {
  readonly volumeId: string
  readonly slice: number
  readonly name: string
  readonly color: string
  readonly left: Rle
  readonly right: Rle
}

const LABEL = 'pair'
/** The outline is what is judged: what it encloses should be seen. */
const FAINT = 0.15

export class PairView {
  readonly picture: ReadonlySignal<PictureState>
  readonly masksVisible: ReadonlySignal<boolean>
  readonly #session: Session
  readonly #slices: SliceLoader
  readonly #masks: readonly [left: LabelMasks, right: LabelMasks]
  readonly #stops: (() => void)[] = []

  constructor(api: Client, out: VolumeOut, { slice, name, color, left, right }: PairToShow) {
    const volume = volumeInfo(out)
    const session = new Session({
      volume, readOnly: true, window: out.windows[0] ?? FULL_BYTE_WINDOW, newId: () => '', onAccepted: () => {},
    })
    session.setLabels([{ id: LABEL, name, color, value: 1, shortcut: null }])
    session.setOpacity(FAINT)
    this.#session = session
    this.masksVisible = session.masksVisible
    const of = (mask: Rle) => {
      const masks = new LabelMasks(volume.shapeKji)
      masks.set(LABEL, slice, fromCoco(mask))
      return masks
    }
    this.#masks = [of(left), of(right)]
    this.#slices = new SliceLoader({
      api, volumeId: volume.id, pixels: volume.pixels, shapeKji: volume.shapeKji, ahead: 0, atOnce: 1,
      onSlice: (loaded) => { session.view.loaded.value = loaded },
    })
    this.picture = this.#slices.state
    this.#stops.push(effect(() => { if (session.view.slice.value !== slice) session.view.setSlice(slice) })) // one slice is compared
    this.#slices.show(0, slice)
  }

  /** Draws one side until the returned function is called. */
  attach(side: 0 | 1, canvases: Canvases): () => void {
    const { view } = this.#session
    const stops = [
      mountRenderer(this.#session, view, canvases, () => this.#masks[side]),
      mountInput(this.#session, view, new ToolHost(this.#session, view, false), canvases.overlay),
    ]
    return () => { for (const stop of stops) stop() }
  }

  setMasksVisible(visible: boolean): void {
    this.#session.masksVisible.value = visible
  }

  close(): void {
    this.#slices.close()
    for (const stop of this.#stops) stop()
  }
}

/** Resolves when the picture is there, or cannot be had. */
function settled(picture: ReadonlySignal<PictureState>): Promise<void> {
  return new Promise((done) => {
    const stop = effect(() => {
      if (picture.value.kind !== 'loading') queueMicrotask(() => { stop(); done() })
    })
  })
}

/** Opens a pair when its picture is there; volumes that were open before are at hand. Rejects with an ApiError. */
export function pairOpener(api: Client): { open(pair: PairToShow): Promise<PairView>; ahead(pair: PairToShow): void } {
  const volumes = new Map<string, Promise<VolumeOut>>()
  const volumeOf = (id: string): Promise<VolumeOut> => {
    const known = volumes.get(id)
    if (known) return known
    const asked = api.get<VolumeOut>(`/api/volumes/${id}`).then(need)
    volumes.set(id, asked)
    asked.catch(() => volumes.delete(id))
    return asked
  }
  return {
    open: async (pair) => {
      const view = new PairView(api, await volumeOf(pair.volumeId), pair)
      await settled(view.picture)
      return view
    },
    /** The browser keeps the slice that comes next, so that it is there at once. */
    ahead: (pair) => void volumeOf(pair.volumeId)
      .then(({ pixels }) => api.bytes(`/api/volumes/${pair.volumeId}/slices/0/${pair.slice}`, { query: { v: pixels } })).catch(() => {}),
  }
}
