// Undo and redo of any invertible change. Between two marks everything is one step; `bail` takes back what came after the
// last mark. What a change is and how it is applied belongs to the caller.
import { signal, type ReadonlySignal } from '@preact/signals-core'

export type Direction = 'undo' | 'redo'

export class History<Change> {
  readonly #apply: (change: Change, direction: Direction) => void
  readonly #done: Change[][] = []
  #undone: Change[][] = []
  #open: Change[] = []
  #replaying = false
  readonly #canUndo = signal(false)
  readonly #canRedo = signal(false)

  readonly canUndo: ReadonlySignal<boolean> = this.#canUndo
  readonly canRedo: ReadonlySignal<boolean> = this.#canRedo

  constructor(apply: (change: Change, direction: Direction) => void) {
    this.#apply = apply
  }

  /** A gesture begins: what is recorded from here on is a step of its own. */
  mark(): void {
    if (this.#open.length > 0) this.#done.push(this.#open)
    this.#open = []
    this.#publish()
  }

  /** Something happened. Ignored while replaying, since applying a change must not record it again. */
  record(change: Change): void {
    if (this.#replaying) return
    this.#open.push(change)
    this.#undone = []
    this.#publish()
  }

  /** The gesture is given up: what happened since the mark is taken back, and nothing is left to redo. */
  bail(): void {
    this.#replay(this.#open, 'undo')
    this.#open = []
    this.#publish()
  }

  undo(): void {
    this.mark()
    const step = this.#done.pop()
    if (step === undefined) return
    this.#replay(step, 'undo')
    this.#undone.push(step)
    this.#publish()
  }

  redo(): void {
    this.mark()
    const step = this.#undone.pop()
    if (step === undefined) return
    this.#replay(step, 'redo')
    this.#done.push(step)
    this.#publish()
  }

  #replay(step: readonly Change[], direction: Direction): void {
    this.#replaying = true
    try {
      const ordered = direction === 'undo' ? step.toReversed() : step
      for (const change of ordered) this.#apply(change, direction)
    } finally {
      this.#replaying = false
    }
  }

  #publish(): void {
    this.#canUndo.value = this.#done.length > 0 || this.#open.length > 0
    this.#canRedo.value = this.#undone.length > 0
  }
}
