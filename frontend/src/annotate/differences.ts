// Two sets of masks of one volume, of two people or of two rounds, and where they differ: what the one has and the other
// does not, to be laid over the picture, and the slices in the order of how much differs.
import type { Client, Result } from '../api/client.ts'
import type { AnnotationOut, MasksOut, Page } from '../api/types.ts'
import type { Triple } from '../viewer/geometry.ts'
import { LabelMasks } from '../viewer/label_masks.ts'
import { area, difference, fromCoco, isEmpty } from '../viewer/mask.ts'
import type { LaidOver } from '../viewer/session.ts'

/** The masks of now, as they were sent back the last time, or as they were submitted the last time. */
export type Round = 'now' | 'previous' | 'submitted'
/** Whose masks, and of when. */
export interface MaskSource { readonly personId: string; readonly round: Round }

export const ONLY_FIRST_COLOR = '#35a7ff'
export const ONLY_SECOND_COLOR = '#ffb000'

export interface SliceDifference { readonly slice: number; readonly voxels: number }

export class Differences {
  readonly #first: LabelMasks
  readonly #second: LabelMasks
  readonly #shape: Triple

  constructor(shapeKji: Triple, first: LabelMasks, second: LabelMasks) {
    this.#shape = shapeKji
    this.#first = first
    this.#second = second
  }

  /** What is laid over the picture for a label. */
  laidOver(labelId: string): readonly LaidOver<LabelMasks>[] {
    const onlyFirst = new LabelMasks(this.#shape), onlySecond = new LabelMasks(this.#shape)
    for (const slice of this.#slices(labelId)) {
      const first = this.#first.get(labelId, slice), second = this.#second.get(labelId, slice)
      onlyFirst.set(labelId, slice, difference(first, second))
      onlySecond.set(labelId, slice, difference(second, first))
    }
    return [
      { labelId, color: ONLY_FIRST_COLOR, masks: onlyFirst },
      { labelId, color: ONLY_SECOND_COLOR, masks: onlySecond },
    ]
  }

  /** Slices where a label differs, the one with the most voxels first. */
  of(labelId: string): readonly SliceDifference[] {
    const found = this.#slices(labelId).map((slice) => {
      const first = this.#first.get(labelId, slice), second = this.#second.get(labelId, slice)
      return { slice, voxels: area(difference(first, second)) + area(difference(second, first)) }
    })
    return found.filter(({ voxels }) => voxels > 0).toSorted((a, b) => b.voxels - a.voxels || a.slice - b.slice)
  }

  #slices(labelId: string): readonly number[] {
    return [...new Set([...this.#first.slices(labelId), ...this.#second.slices(labelId)])]
  }
}

/** Loads both sets of masks of a volume. */
export async function loadDifferences(
  api: Client, volumeId: string, shapeKji: Triple, first: MaskSource, second: MaskSource, signal?: AbortSignal,
): Promise<Result<Differences>> {
  const options = signal ? { signal } : {}
  const [a, b] = await Promise.all([first, second].map((source) => masksOf(api, volumeId, shapeKji, source, options)))
  if (a.error) return a
  if (b.error) return b
  return { data: new Differences(shapeKji, a.data, b.data) }
}

/** All masks of one person on a volume. */
export async function masksOf(
  api: Client, volumeId: string, shapeKji: Triple, { personId, round }: MaskSource, options: { readonly signal?: AbortSignal } = {},
): Promise<Result<LabelMasks>> {
  const annotations = await api.get<Page<AnnotationOut>>('/api/annotations', { ...options, query: { volume_id: volumeId, annotator_id: personId } })
  if (annotations.error) return annotations
  const masks = new LabelMasks(shapeKji)
  const answers = await Promise.all(annotations.data.items.map(async ({ id, label_id }) =>
    ({ label_id, answer: await api.get<MasksOut>(`/api/annotations/${id}/masks`, { ...options, query: { round: round === 'now' ? null : round } }) })))
  for (const { label_id, answer } of answers) {
    if (answer.error) return answer
    for (const [slice, rle] of Object.entries(answer.data.slices)) {
      const mask = fromCoco(rle)
      if (!isEmpty(mask)) masks.set(label_id, Number(slice), mask)
    }
  }
  return { data: masks }
}
