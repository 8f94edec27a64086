// The measurements of the open volume: what the server keeps, what a person adds and removes. What cannot be kept stays on
// the picture until the next one, and the page says why.
import { batch, signal, type ReadonlySignal } from '@preact/signals-core'

import type { Client } from '../api/client.ts'
import type { LabelFiguresOut, MeasurementOut, Page, Problem } from '../api/types.ts'
import { slicePoint, type Axis } from '../viewer/geometry.ts'
import type { Measuring } from '../viewer/measuring.ts'
import type { Session } from '../viewer/session.ts'

export interface MeasurementsOptions {
  readonly api: Client
  readonly volumeId: string
  readonly caseId: string
  readonly session: Session
  readonly readOnly: boolean
  readonly onProblem: (problem: Problem) => void
}

export class Measurements {
  readonly #options: MeasurementsOptions
  readonly #list = signal<readonly MeasurementOut[]>([])
  /** Of this volume, oldest first. */
  readonly list: ReadonlySignal<readonly MeasurementOut[]> = this.#list
  readonly #caseUrl: string

  constructor(options: MeasurementsOptions) {
    this.#options = options
    this.#caseUrl = `/api/cases/${options.caseId}/measurements`
  }

  /** Where a browser finds all measurements of the case as a file. */
  get files(): { readonly csv: string; readonly json: string } {
    return { csv: `${this.#caseUrl}.csv`, json: this.#caseUrl }
  }

  async start(): Promise<void> {
    const { api, volumeId } = this.#options
    const { data } = await api.get<Page<MeasurementOut>>(this.#caseUrl)
    if (data) this.#show(data.items.filter((item) => item.volume_id === volumeId))
  }

  async add(measuring: Measuring): Promise<void> {
    const { api, volumeId, session, readOnly, onProblem } = this.#options
    if (readOnly) return // it is read off the picture, and not kept
    const { kind, axis, index, points } = measuring
    const json = { kind, axis, slice: index, points: points.map(([x, y]) => ({ x, y })) }
    const { data, error } = await api.post<MeasurementOut>(`/api/volumes/${volumeId}/measurements`, { json })
    if (error) return onProblem(error)
    batch(() => {
      if (session.view.measuring.peek() === measuring) session.view.measuring.value = null
      this.#show([...this.#list.peek(), data])
    })
  }

  async remove(id: string): Promise<void> {
    const { error } = await this.#options.api.delete<void>(`/api/measurements/${id}`, { idempotent: true })
    if (error) this.#options.onProblem(error)
    else this.#show(this.#list.peek().filter((item) => item.id !== id))
  }

  /** Volume and values of the labels as they are stored; null when the server cannot tell. */
  async labelFigures(): Promise<readonly LabelFiguresOut[] | null> {
    const { data } = await this.#options.api.get<Page<LabelFiguresOut>>(`/api/volumes/${this.#options.volumeId}/label-figures`)
    return data?.items ?? null
  }

  #show(items: readonly MeasurementOut[]): void {
    batch(() => {
      this.#list.value = items
      this.#options.session.measurements.value = items.map(({ id, kind, axis, slice, points, figures }) =>
        ({ id, kind, axis: axis as Axis, index: slice, points: points.map(({ x, y }) => slicePoint(x, y)), figures }))
    })
  }
}
