// The panes of an open annotator: which layout is on the screen, and for each pane beside the main one its slices, its
// pointer and its canvases. What the panes share and show is viewer/panes.ts.
import { computed, effect, signal, type ReadonlySignal } from '@preact/signals-core'

import { mountInput } from '../viewer/input.ts'
import type { LabelMasks } from '../viewer/label_masks.ts'
import { Panes, type Layout } from '../viewer/panes.ts'
import { mountRenderer, type Canvases } from '../viewer/renderer.ts'
import type { Session } from '../viewer/session.ts'
import { ToolHost } from '../viewer/tools/host.ts'
import { planeNameOf, type PlaneName, type ViewState } from '../viewer/view_state.ts'
import type { Cursor, PictureState, VolumeInfo } from './annotator.ts'
import { cursorIn } from './panel_state.ts'
import { Companions, type CompanionsOptions } from './companions.ts'
import { SliceLoader } from './slice_loader.ts'

export interface SidePane {
  readonly plane: ReadonlySignal<PlaneName>
  readonly slice: ReadonlySignal<number>
  readonly sliceCount: ReadonlySignal<number>
  readonly picture: ReadonlySignal<PictureState>
  readonly readout: ReadonlySignal<Cursor | null>
  /** Draws and loads until the returned function is called. */
  attach(canvases: Canvases): () => void
  /** Becomes the main picture. */
  promote(): void
}

export interface PaneViewsOptions extends CompanionsOptions {
  readonly volume: VolumeInfo
}

/** Side panes are moved less than the main one: one request at a time leaves connections for clicks. */
export const SIDE_LOADING = { budgetBytes: 64 * 1024 * 1024, ahead: 4, atOnce: 1 }

export class PaneViews {
  readonly layout: ReadonlySignal<Layout>
  readonly possible: boolean
  readonly sides: readonly SidePane[]
  readonly masks: LabelMasks
  /** Other series of the case, beside the main picture. */
  readonly companions: Companions
  readonly #session: Session
  readonly #panes: Panes

  constructor(options: PaneViewsOptions) {
    this.masks = options.session.masks
    this.companions = new Companions(options)
    this.#session = options.session
    this.#panes = new Panes(options.session.view)
    this.layout = this.#panes.layout
    this.possible = this.#panes.possible
    this.sides = this.#panes.sides.map((view) => sidePane(options, this.#panes, view))
  }

  /** The pane under the pointer, else the main one. */
  get looked(): ViewState {
    return this.companions.looked?.view ?? this.#panes.looked
  }

  /** The pane of this volume under the pointer, else its main one. */
  get pointed(): ViewState {
    return this.#panes.looked
  }

  /** Other planes take the place of other series. */
  setLayout(layout: Exclude<Layout, 'series'>): void {
    this.companions.clear()
    this.#panes.setLayout(layout)
  }

  /** Shows another series of the case beside this one, or takes it away. */
  async toggleSeries(volumeId: string): Promise<void> {
    await this.companions.toggle(volumeId)
    this.#panes.setLayout(this.companions.open.peek().length > 0 ? 'series' : 'one')
  }

  /** The visible labels with the number of the last change of each, for who shows them in space. */
  bodies(): readonly { readonly id: string; readonly color: string; readonly version: number }[] {
    const { labels, masks } = this.#session
    return labels.peek().filter(({ id }) => this.#session.isVisible(id)).map(({ id, color }) => ({ id, color, version: masks.version(id) }))
  }

  close(): void {
    this.companions.close()
    this.#panes.close()
  }
}

function sidePane({ api, session, volume }: PaneViewsOptions, panes: Panes, view: ViewState): SidePane {
  const picture = signal<PictureState>({ kind: 'loading' })
  return {
    picture,
    plane: computed(() => planeNameOf(volume, view.axis.value)),
    slice: view.slice,
    readout: computed(() => cursorIn(view)),
    sliceCount: view.sliceCount,
    promote: () => panes.promote(view),
    attach: (canvases) => {
      const loader = new SliceLoader({
        api, volumeId: volume.id, pixels: volume.pixels, shapeKji: volume.shapeKji, onSlice: (slice) => { view.loaded.value = slice }, ...SIDE_LOADING,
      })
      const stops = [
        effect(() => loader.show(view.axis.value, view.slice.value)),
        effect(() => { picture.value = loader.state.value }),
        mountRenderer(session, view, canvases),
        mountInput(session, view, new ToolHost(session, view), canvases.overlay),
        () => loader.close(),
        () => { view.pointer.value = null },
      ]
      return () => { for (const stop of stops) stop() }
    },
  }
}
