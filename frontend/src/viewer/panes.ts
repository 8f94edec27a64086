// How many pictures of the volume are on the screen: the main one, which is drawn on, and beside it the two other planes.
// All go through the crosshair. Where they stand on the page is the page's.
import { effect, signal, type ReadonlySignal } from '@preact/signals-core'

import { planesOf, type ViewState } from './view_state.ts'

/** One picture; the main one and two beside it; four, the last one a view of the labels in space; other series beside it. */
export type Layout = 'one' | 'beside' | 'four' | 'series'

export class Panes {
  readonly main: ViewState
  /** The two other planes, in the order of the volume's axes. */
  readonly sides: readonly [ViewState, ViewState]
  /** False where there is one plane only. */
  readonly possible: boolean
  readonly close: () => void
  readonly #layout = signal<Layout>('one')

  readonly layout: ReadonlySignal<Layout> = this.#layout

  constructor(main: ViewState) {
    const axes = planesOf(main.volume)
    this.main = main
    this.sides = [main.beside(), main.beside()]
    this.possible = axes.length === 3
    this.close = effect(() => {
      const others = axes.filter((axis) => axis !== main.axis.value)
      for (const [n, side] of this.sides.entries()) if (others[n] !== undefined) side.setAxis(others[n])
    })
  }

  /** The lines of the crosshair come with the panes and go with them. */
  setLayout(layout: Layout): void {
    if ((!this.possible && (layout === 'beside' || layout === 'four')) || layout === this.#layout.value) return
    if ((layout === 'one') !== (this.#layout.value === 'one')) this.main.crosshair.value = layout !== 'one'
    this.#layout.value = layout
  }

  /** A side becomes the main picture, which takes its place. */
  promote(side: ViewState): void {
    this.main.setAxis(side.axis.value)
  }

  /** The pane under the pointer: keys that change how one looks go there. */
  get looked(): ViewState {
    return this.sides.find((side) => side.pointer.value !== null) ?? this.main
  }
}
