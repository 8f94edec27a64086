// The parts of an open annotator and who calls whom: session, slices, assistant, outbox, stored masks, learning, review.
// What a page does with them is looking.ts, editing.ts and controller.ts.
import { effect } from '@preact/signals-core'

import type { Client } from '../api/client.ts'
import type { Me, VolumeOut } from '../api/types.ts'
import { toCoco } from '../viewer/mask.ts'
import { Session, type Accepted } from '../viewer/session.ts'
import { KeyboardHand } from '../viewer/tools/hand.ts'
import { ToolHost } from '../viewer/tools/host.ts'
import { FULL_BYTE_WINDOW } from '../viewer/windowing.ts'
import type { Annotator, PageCommands, VolumeInfo } from './annotator.ts'
import { Assistant } from './assistant.ts'
import { frameOf, type SeriesBrief } from './companions.ts'
import { uuid7Maker } from './ids.ts'
import { Learning } from './learning.ts'
import { Measurements } from './measurements.ts'
import { Outbox } from './outbox.ts'
import type { OutboxStorage } from './outbox_storage.ts'
import { PaneViews } from './pane_views.ts'
import { volumeInfo } from './panel_state.ts'
import { promptsOnWire } from './question.ts'
import { Review } from './review.ts'
import { Rounds } from './rounds.ts'
import { SliceLoader } from './slice_loader.ts'
import { StoredMasks } from './stored_masks.ts'
import { WorkMeter } from './work_meter.ts'

export interface AnnotatorOptions {
  readonly api: Client
  readonly projectId: string
  /** The project's. */
  readonly labels: Parameters<Annotator['setLabels']>[0]
  /** A voxel belongs to one of them at most. */
  readonly exclusive?: boolean
  readonly volumeId: string
  readonly page: PageCommands
  /** The other series of the case, which can be shown beside it. */
  readonly others?: readonly SeriesBrief[]
  /** The caller's role allows looking only: nothing is drawn, asked or encoded. */
  readonly readOnly?: boolean
  /** Whose masks are shown, if not the caller's own. Without `readOnly` the caller reviews and corrects them. */
  readonly annotatorId?: string
  /** Where revisions wait for the server; the browser's database if not given. */
  readonly storage?: (userId: string) => OutboxStorage
}

export interface Parts {
  readonly api: Client
  readonly page: PageCommands
  readonly readOnly: boolean
  /** Whose masks they are, if not the caller's. */
  readonly annotatorId: string | null
  readonly me: Me
  readonly source: VolumeOut
  readonly volume: VolumeInfo
  readonly session: Session
  readonly host: ToolHost
  readonly hand: KeyboardHand
  readonly panes: PaneViews
  readonly slices: SliceLoader
  readonly assistant: Assistant
  readonly outbox: Outbox
  readonly stored: StoredMasks
  readonly rounds: Rounds
  readonly review: Review
  readonly learning: Learning
  readonly measurements: Measurements
  readonly meter: WorkMeter
  /** Of what watches until the annotator is closed. */
  readonly stops: (() => void)[]
}

export function partsOf(
  { api, projectId, volumeId, page, others = [], readOnly = false, exclusive = false, annotatorId: ofAnother }: AnnotatorOptions,
  source: VolumeOut, me: Me, storage: OutboxStorage,
): Parts {
  const annotatorId = ofAnother ?? null
  const volume = volumeInfo(source)
  const newId = uuid7Maker(() => Date.now(), (bytes) => crypto.getRandomValues(bytes))
  const meter = new WorkMeter(() => performance.now())
  const session = new Session({
    volume, readOnly, exclusive, window: source.windows[0] ?? FULL_BYTE_WINDOW, newId,
    onAccepted: (accepted) => post(accepted),
    onDecision: (decision) => review.decided(decision), onWork: (slice, work) => meter.did(slice, work),
    onMeasured: (measuring) => void measurements.add(measuring),
    pictureOf: (slice) => slices.pictureOf(0, slice),
  })
  const host = new ToolHost(session)
  const panes = new PaneViews({
    api, session, storage, me, volume, others, readOnly, newId, frameOfReference: frameOf(source), onProblem: (problem) => page.problem(problem),
  })
  const slices = new SliceLoader({
    api, volumeId, pixels: source.pixels, shapeKji: volume.shapeKji, onSlice: (slice) => { session.view.loaded.value = slice },
  })
  const assistant = new Assistant({ api, volumeId, session })
  const outbox = new Outbox({
    api, storage, volumeId, annotatorId, newId,
    localMask: (labelId, slice) => session.masks.get(labelId, slice),
    onServerMask: (labelId, slice, mask) => session.edits.replaceMask(labelId, slice, mask),
    onSent: () => void learning.refreshSoon(),
  })
  const stored = new StoredMasks({ api, volume, annotatorId, session, outbox, newId })
  const rounds = new Rounds({ api, session, volume, personId: annotatorId ?? me.id })
  const review: Review = new Review({
    api, projectId, volumeId, session, storage, outbox, newId, telemetry: () => meter.take(),
    onStale: (labelId) => stored.reload(labelId),
  })
  const learning: Learning = new Learning({
    api, volumeId, activeLabelId: session.activeLabelId, automatic: me.auto_learn,
    onProposals: (labelId, ended) => void review.update(labelId, ended),
  })
  const measurements: Measurements = new Measurements({
    api, storage, me, newId, volumeId, caseId: source.case_id, session, readOnly, onProblem: (problem) => page.problem(problem),
  })

  /** What a person accepted goes into the outbox. */
  function post({ id, labelId, slices: changed, origin, prompts, model, learnedPrompt, suggestionId, reverts }: Accepted): void {
    const { points, box } = promptsOnWire(prompts)
    void outbox.add(labelId, {
      id, origin: annotatorId === null ? origin : 'review', slices: changed.map(({ slice, flips }) => ({ slice, flips: toCoco(flips) })),
      ...(prompts.length > 0 ? { prompts: { points, box: box ?? null } } : {}),
      ...(model === null ? {} : { model: { name: model, learned_prompt: learnedPrompt, proposal: suggestionId } }),
      ...(reverts === null ? {} : { reverts }),
      telemetry: meter.take(),
    })
  }

  const stops = [effect(() => slices.show(session.view.axis.value, session.view.slice.value))]
  return {
    api, page, readOnly, annotatorId, me, source, volume, session, host, hand: new KeyboardHand(session, host), panes, slices, assistant, outbox,
    stored, rounds, review, learning, measurements, meter, stops,
  }
}
