// The panes of an open annotator: which layout is on the screen, and for each pane beside the main one its slices, its
// pointer and its canvases. What the panes share and show is viewer/panes.ts.
import { computed, effect, signal, type ReadonlySignal } from '@preact/signals-core'

import type { Client } from '../api/client.ts'
import { parseColor } from '../viewer/compose.ts'
import { planeOf, type Plane } from '../viewer/geometry.ts'
import { mountInput } from '../viewer/input.ts'
import { Panes, type Layout } from '../viewer/panes.ts'
import { mountRenderer, type Canvases } from '../viewer/renderer.ts'
import type { Session } from '../viewer/session.ts'
import { solidOf, type Solid } from '../viewer/solid.ts'
import { ToolHost } from '../viewer/tools/host.ts'
import type { ViewState } from '../viewer/view_state.ts'
import type { PictureState, VolumeInfo } from './annotator.ts'
import { SliceLoader } from './slice_loader.ts'

export interface SidePane {
  readonly plane: ReadonlySignal<Plane>
  readonly slice: ReadonlySignal<number>
  readonly sliceCount: ReadonlySignal<number>
  readonly picture: ReadonlySignal<PictureState>
  /** Draws and loads until the returned function is called. */
  attach(canvases: Canvases): () => void
  /** Becomes the main picture. */
  promote(): void
}

export interface PaneViewsOptions {
  readonly api: Client
  readonly session: Session
  readonly volume: VolumeInfo
}

/** Side panes are moved less than the main one: one request at a time leaves connections for clicks. */
const SIDE_LOADING = { budgetBytes: 64 * 1024 * 1024, ahead: 4, atOnce: 1 }

export class PaneViews {
  readonly layout: ReadonlySignal<Layout>
  readonly possible: boolean
  readonly sides: readonly SidePane[]
  readonly #options: PaneViewsOptions
  readonly #panes: Panes
  readonly #solids = new Map<string, { readonly version: number; readonly solid: Solid | null }>()

  constructor(options: PaneViewsOptions) {
    this.#options = options
    this.#panes = new Panes(options.session.view)
    this.layout = this.#panes.layout
    this.possible = this.#panes.possible
    this.sides = this.#panes.sides.map((view) => sidePane(options, this.#panes, view))
  }

  /** The pane under the pointer, else the main one. */
  get looked(): ViewState {
    return this.#panes.looked
  }

  setLayout(layout: Layout): void {
    this.#panes.setLayout(layout)
  }

  /** The visible labels as bodies; each is made again only after its masks changed. */
  solids(): readonly { readonly solid: Solid; readonly color: number }[] {
    const { session, volume } = this.#options
    return session.labels.peek().filter(({ id }) => session.isVisible(id)).flatMap(({ id, color }) => {
      const version = session.masks.version(id)
      let made = this.#solids.get(id)
      if (made?.version !== version) {
        made = { version, solid: solidOf(session.masks, id, volume) }
        this.#solids.set(id, made)
      }
      return made.solid === null ? [] : [{ solid: made.solid, color: parseColor(color) }]
    })
  }

  close(): void {
    this.#panes.close()
  }
}

function sidePane({ api, session, volume }: PaneViewsOptions, panes: Panes, view: ViewState): SidePane {
  const picture = signal<PictureState>({ kind: 'loading' })
  return {
    picture,
    plane: computed(() => planeOf(volume, view.axis.value)),
    slice: view.slice,
    sliceCount: view.sliceCount,
    promote: () => panes.promote(view),
    attach: (canvases) => {
      const loader = new SliceLoader({
        api, volumeId: volume.id, shapeKji: volume.shapeKji, onSlice: (slice) => { view.loaded.value = slice }, ...SIDE_LOADING,
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
