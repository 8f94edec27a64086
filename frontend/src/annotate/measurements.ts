// The measurements of the open volume: what the server keeps, what a person adds and removes. What is measured is on the
// picture at once, with the figures that follow from its points; the server adds those of the values when it has it.
import { batch, signal, type ReadonlySignal } from '@preact/signals-core'

import type { Client } from '../api/client.ts'
import type { LabelFiguresOut, MeasurementIn, MeasurementOut, Page, Person, Problem } from '../api/types.ts'
import { slicePoint, type Axis } from '../viewer/geometry.ts'
import { figuresOf, type Measuring } from '../viewer/measuring.ts'
import type { Session } from '../viewer/session.ts'
import { MeasurementOutbox } from './measurement_outbox.ts'
import type { OutboxStorage } from './outbox_storage.ts'

export interface MeasurementsOptions {
  readonly api: Client
  readonly storage: OutboxStorage
  readonly me: Person
  readonly newId: () => string
  readonly volumeId: string
  readonly caseId: string
  readonly session: Session
  readonly readOnly: boolean
  readonly onProblem: (problem: Problem) => void
  readonly wait?: (ms: number) => Promise<void>
}

/** `waiting`: the server does not have it yet. */
export type KeptMeasurement = Omit<MeasurementOut, 'created_at'> & { readonly waiting: boolean }

export class Measurements {
  readonly #options: MeasurementsOptions
  readonly #list = signal<readonly KeptMeasurement[]>([])
  readonly #outbox: MeasurementOutbox
  readonly #caseUrl: string

  /** Of this volume, oldest first. */
  readonly list: ReadonlySignal<readonly KeptMeasurement[]> = this.#list

  constructor(options: MeasurementsOptions) {
    const { api, storage, volumeId, wait, onProblem } = options
    this.#options = options
    this.#caseUrl = `/api/cases/${options.caseId}/measurements`
    this.#outbox = new MeasurementOutbox({
      api, storage, volumeId, ...(wait ? { wait } : {}),
      onKept: (measurement) => this.#put({ ...measurement, waiting: false }),
      onRefused: ({ id, measured }, problem) => {
        if (measured) this.#show(this.#list.peek().filter((item) => item.id !== id))
        else void this.#load() // it is there all the same
        onProblem(problem)
      },
    })
  }

  /** How many changes the server does not have, and whether it cannot be reached. */
  get waiting(): { readonly pending: number; readonly offline: boolean } {
    return { pending: this.#outbox.waiting.value.length, offline: this.#outbox.offline.value }
  }

  /** Where a browser finds all measurements of the case as a file. */
  get files(): { readonly csv: string; readonly json: string } {
    return { csv: `${this.#caseUrl}.csv`, json: this.#caseUrl }
  }

  async start(): Promise<void> {
    if (!this.#options.readOnly) await this.#outbox.open()
    await this.#load()
  }

  async add(measuring: Measuring): Promise<void> {
    const { session, readOnly, newId } = this.#options
    if (readOnly) return // it is read off the picture, and not kept
    const { kind, axis, index, points } = measuring
    const measured = { kind, axis, slice: index, points: points.map(([x, y]) => ({ x, y })) }
    const id = newId()
    batch(() => {
      if (session.view.measuring.peek() === measuring) session.view.measuring.value = null
      this.#put(this.#unsent(id, measured))
    })
    await this.#outbox.add(id, measured)
  }

  async remove(id: string): Promise<void> {
    this.#show(this.#list.peek().filter((item) => item.id !== id))
    await this.#outbox.remove(id)
  }

  /** Volume and values of the labels as they are stored; null when the server cannot tell. */
  async labelFigures(): Promise<readonly LabelFiguresOut[] | null> {
    const { data } = await this.#options.api.get<Page<LabelFiguresOut>>(`/api/volumes/${this.#options.volumeId}/label-figures`)
    return data?.items ?? null
  }

  /** Tries now to send what waits. */
  flush(): void {
    this.#outbox.flush()
  }

  close(): void {
    this.#outbox.close()
  }

  /** What the server has, with what waits on top. */
  async #load(): Promise<void> {
    const { api, volumeId } = this.#options
    const { data } = await api.get<Page<MeasurementOut>>(this.#caseUrl)
    const waiting = this.#outbox.waiting.peek()
    const kept = (data?.items ?? []).filter((item) => item.volume_id === volumeId && !waiting.some(({ id }) => id === item.id))
    this.#show([
      ...kept.map((item) => ({ ...item, waiting: false })),
      ...waiting.flatMap(({ id, measured }) => (measured ? [this.#unsent(id, measured)] : [])),
    ])
  }

  #unsent(id: string, measured: MeasurementIn): KeptMeasurement {
    const { me, volumeId, session } = this.#options
    const { kind, axis = 0, slice, points } = measured
    const figures = figuresOf(session.view.volume, { kind, axis: axis as Axis, index: slice, points: points.map(({ x, y }) => slicePoint(x, y)) })
    return { id, volume_id: volumeId, author: me, kind, axis, slice, points, figures, waiting: true }
  }

  /** In the place of the one with its id, else as the newest. */
  #put(item: KeptMeasurement): void {
    const before = this.#list.peek()
    this.#show(before.some(({ id }) => id === item.id) ? before.map((other) => (other.id === item.id ? item : other)) : [...before, item])
  }

  #show(items: readonly KeptMeasurement[]): void {
    batch(() => {
      this.#list.value = items
      this.#options.session.measurements.value = items.map(({ id, kind, axis, slice, points, figures }) =>
        ({ id, kind, axis: axis as Axis, index: slice, points: points.map(({ x, y }) => slicePoint(x, y)), figures }))
    })
  }
}
