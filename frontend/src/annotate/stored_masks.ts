// The masks of a volume as the server has them: loads them when a volume is opened, again when somebody else changed them,
// and gives earlier states back. What this page changes leaves by the outbox.
import { batch } from '@preact/signals-core'

import { ApiError, need, type Client } from '../api/client.ts'
import type { AnnotationOut, MasksOut, Page, Problem, RevisionOut } from '../api/types.ts'
import { emptyMask, fromCoco, xor } from '../viewer/mask.ts'
import type { Session } from '../viewer/session.ts'
import type { VolumeInfo } from './annotator.ts'
import type { Outbox } from './outbox.ts'

export interface StoredMasksOptions {
  readonly api: Client
  readonly volume: VolumeInfo
  /** Whose masks they are, if not the caller's. */
  readonly annotatorId?: string | null
  readonly session: Session
  readonly outbox: Outbox
  readonly newId: () => string
}

export class StoredMasks {
  readonly #options: StoredMasksOptions

  constructor(options: StoredMasksOptions) {
    this.#options = options
  }

  /** Somebody else's masks, to be looked at: the outbox with the caller's own unsent work stays closed. */
  async show(annotations: readonly AnnotationOut[]): Promise<void> {
    await Promise.all(annotations.map((annotation) => this.#loadLabel(annotation.id, annotation.label_id)))
  }

  /** Masks that the caller changes, with what still waits for the server on top. */
  async load(annotations: readonly AnnotationOut[]): Promise<void> {
    const { outbox, session: { masks, edits } } = this.#options
    await outbox.open(annotations) // may begin annotations, which are shown, too
    await Promise.all(outbox.annotations.map(([labelId, annotationId]) => this.#loadLabel(annotationId, labelId)))
    const unsent = await outbox.unsent()
    batch(() => {
      for (const { labelId, revision } of unsent) {
        for (const { slice, flips } of revision.slices) edits.replaceMask(labelId, slice, xor(masks.get(labelId, slice), fromCoco(flips)))
      }
    })
  }

  /** Also of a label that was first annotated elsewhere, after this page was opened. */
  async reload(labelId: string): Promise<Problem | null> {
    const { api, volume, annotatorId = null } = this.#options
    try {
      const { items } = need(await api.get<Page<AnnotationOut>>('/api/annotations', { query: { volume_id: volume.id, annotator_id: annotatorId } }))
      const annotation = items.find(({ label_id }) => label_id === labelId)
      if (annotation) await this.#loadLabel(annotation.id, labelId)
      return null
    } catch (reason) {
      if (reason instanceof ApiError) return reason.problem
      throw reason
    }
  }

  /** Revisions of the active label, newest first; null when the server cannot tell. */
  async history(): Promise<readonly RevisionOut[] | null> {
    const { annotationId } = this.#active()
    if (annotationId === null) return []
    const { data } = await this.#options.api.get<Page<RevisionOut>>(`/api/annotations/${annotationId}/revisions`)
    return data ? data.items.toReversed() : null
  }

  async restore(sequence: number): Promise<Problem | null> {
    const { api, outbox, newId } = this.#options
    const { labelId, annotationId } = this.#active()
    if (labelId === null || annotationId === null) return null
    const error = await outbox.append(labelId, async (parent) => {
      const { data, error } = await api.post<RevisionOut>(`/api/annotations/${annotationId}/restore`, {
        json: { id: newId(), sequence, parent }, idempotent: true,
      })
      return data ? { data: { annotationId, revision: data.id } } : { error: error! }
    })
    if (error === null) await this.#loadLabel(annotationId, labelId)
    return error
  }

  async #loadLabel(annotationId: string, labelId: string): Promise<void> {
    const { api, volume, outbox, session: { masks, edits } } = this.#options
    const [, rows, columns] = volume.shapeKji
    const { head, slices } = need(await api.get<MasksOut>(`/api/annotations/${annotationId}/masks`))
    outbox.setHead(labelId, annotationId, head)
    batch(() => {
      for (const slice of masks.slices(labelId)) {
        if (!(slice in slices)) edits.replaceMask(labelId, slice, emptyMask(rows, columns))
      }
      for (const [slice, rle] of Object.entries(slices)) edits.replaceMask(labelId, Number(slice), fromCoco(rle))
    })
  }

  #active(): { readonly labelId: string | null; readonly annotationId: string | null } {
    const labelId = this.#options.session.activeLabelId.peek()
    return { labelId, annotationId: labelId === null ? null : this.#options.outbox.annotationId(labelId) }
  }
}
