// What the panels show, computed from the parts of an open annotator. Nothing here changes anything.
import { computed, type ReadonlySignal } from '@preact/signals-core'

import type { VolumeOut } from '../api/types.ts'
import { isAcceptable, isEdited, proposalOf } from '../viewer/draft.ts'
import { patientPoint, voxelAt, voxelMl, type AxisLetters, type Triple } from '../viewer/geometry.ts'
import { area, isEmpty } from '../viewer/mask.ts'
import type { Session } from '../viewer/session.ts'
import type { ViewState } from '../viewer/view_state.ts'
import type { Cursor, LabelState, ProposalState, SavingState, SliceMark, VolumeInfo, WindowPreset } from './annotator.ts'
import type { Assistant } from './assistant.ts'
import type { Review } from './review.ts'

/** What lies under the pointer of a pane, or at the place that is pointed at in a picture linked to it. */
export function cursorIn(view: ViewState): Cursor | null {
  const point = view.cursorPoint.value ?? view.pointedAt.value
  const voxel = point && voxelAt(view.volume, view.axis.value, view.slice.value, point)
  if (point === null || voxel === null) return null
  const image = view.image.value
  const at = image ? (Math.round(point[1]) * image.columns + Math.round(point[0])) * image.channels : 0
  const value = image === null ? null : image.channels === 1 ? image.data[at]
    : [image.data[at], image.data[at + 1], image.data[at + 2]] as const
  return { voxel, positionMm: patientPoint(view.volume, voxel), value, unit: view.volume.unit }
}

/** The labels with their volumes and holes. */
export function labelsOf(session: Session, volume: VolumeInfo, review: Review): ReadonlySignal<readonly LabelState[]> {
  return computed(() => {
    void session.changes.value
    const ml = voxelMl(volume)
    return session.labels.value.map((label) => {
      const voxels = session.masks.voxels(label.id)
      return {
        ...label, pattern: session.patternOf(label.id), voxels, volumeMl: voxels * ml, slices: session.masks.slices(label.id).length,
        visible: !session.hiddenLabels.value.has(label.id), active: label.id === session.activeLabelId.value,
        holes: review.emptyBetween(label.id),
      }
    })
  })
}

/** One entry for each slice of the acquisition plane. */
export function marksOf(session: Session, volume: VolumeInfo, review: Review, assistant: Assistant): ReadonlySignal<readonly SliceMark[]> {
  return computed(() => {
    const { masks, labels, hiddenLabels, activeLabelId, drafts, changes } = session
    void changes.value
    const shown = labels.value.filter((label) => !hiddenLabels.value.has(label.id))
    const encoded = assistant.encoded.value
    const open = review.open.value, declined = session.suggestions.declinedOf(activeLabelId.value)
    return Array.from({ length: volume.shapeKji[0] }, (_, k) => ({
      labels: shown.filter((label) => masks.has(label.id, k)).length,
      active: activeLabelId.value !== null && masks.has(activeLabelId.value, k),
      drafted: drafts.value.has(k),
      suggested: open.get(k)?.confidence ?? null,
      unfound: open.has(k) && isEmpty(open.get(k)!.mask),
      declined: declined.get(k) ?? null,
      encoded: encoded.has(k),
    }))
  })
}

/** What waits to be saved, measurements included; what needs a person comes first. */
export function withMeasurements(masks: SavingState, { pending, offline }: { readonly pending: number; readonly offline: boolean }): SavingState {
  if (pending === 0) return masks
  if (masks.kind === 'saved') return { kind: offline ? 'offline' : 'saving', pending }
  return { ...masks, pending: masks.pending + pending }
}

/** The mask of the visible slice that nobody accepted yet. */
export function proposalStateOf(session: Session, review: Review): ReadonlySignal<ProposalState | null> {
  return computed(() => {
    const draft = session.draft.value
    const suggestion = session.suggestion.value
    if (suggestion) {
      const { slice, labelId, prompts, confidence: score, model, learnedPrompt, mask } = suggestion
      return {
        kind: 'suggestion', slice, labelId, prompts, score, model, learned: learnedPrompt !== null, plain: false,
        voxels: area(mask), edited: false, waiting: review.busy.value,
      }
    }
    return draft && {
      kind: 'draft', slice: draft.slice, labelId: draft.labelId, prompts: draft.prompts, score: draft.answer?.score ?? null,
      model: draft.answer?.model ?? null, learned: draft.answer !== null && draft.answer.learnedPrompt !== null, plain: draft.plain,
      voxels: area(proposalOf(draft)), edited: isEdited(draft), waiting: !isAcceptable(draft),
    }
  })
}

export function presetsOf({ windows }: VolumeOut): readonly WindowPreset[] {
  return windows.map(({ name = '', width, center }) => ({ name, width, center }))
}

/** A volume of the server as the page knows it. */
export function volumeInfo(out: VolumeOut): VolumeInfo {
  const [low, high] = out.value_range
  return {
    id: out.id, caseId: out.case_id, name: out.name, modality: out.modality, channels: out.channels,
    shapeKji: out.shape_kji as unknown as Triple, spacingKjiMm: out.spacing_kji_mm as unknown as Triple,
    axisLetters: out.axis_letters as unknown as AxisLetters, affineLps: out.affine_lps,
    valueRange: [low, high], sidesKnown: out.sides_known, sizesKnown: out.sizes_known, unit: out.unit,
    warnings: out.warnings, pixels: out.pixels, textRisk: out.text_risk,
  }
}
