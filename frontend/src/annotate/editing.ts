// Labels, tools, proposals and masks of an open annotator: what panels read of them, and the commands.
import { computed, type ReadonlySignal } from '@preact/signals-core'

import type { Me } from '../api/types.ts'
import type { LaidOver } from '../viewer/session.ts'
import { clearSlice, copyFromSlice, editBy, gap, interpolate } from '../viewer/slice_edits.ts'
import type { Annotator, AssistantState, MaskEdit, ToolId } from './annotator.ts'
import { Drawing } from './drawing.ts'
import type { Learning } from './learning.ts'
import { Looking } from './looking.ts'
import type { Measurements } from './measurements.ts'
import { labelsOf, marksOf, proposalStateOf } from './panel_state.ts'
import type { Parts } from './parts.ts'
import type { Review } from './review.ts'
import type { Rounds } from './rounds.ts'

const PREVIEWS = 'sammed.previews'

export abstract class Editing extends Looking {
  readonly activeLabelId; readonly masksVisible; readonly opacity; readonly patterns
  readonly tool; readonly canDraw; readonly canPaint; readonly masksReady; readonly brushRadiusMm; readonly threshold; readonly canUndo; readonly canRedo
  readonly labels; readonly marks; readonly proposal
  readonly assistant: ReadonlySignal<AssistantState>
  readonly previews: ReadonlySignal<boolean>
  readonly model: ReadonlySignal<string | null>
  readonly learning: Learning
  readonly review: Review
  readonly rounds: Rounds
  readonly drawing: Drawing
  readonly measurements: Measurements

  protected overlay: HTMLElement | null = null

  constructor(parts: Parts) {
    super(parts)
    const { session, assistant, learning, review, rounds, measurements, me, volume } = parts
    this.learning = learning
    this.review = review
    this.rounds = rounds
    this.measurements = measurements
    this.drawing = new Drawing(session)
    this.activeLabelId = session.activeLabelId
    this.masksVisible = session.masksVisible
    this.opacity = session.opacity
    this.patterns = session.patterns
    session.patterns.value = me.label_patterns
    this.tool = session.tool
    this.canDraw = session.canDraw
    this.canPaint = session.canPaint
    this.masksReady = session.masksReady
    this.brushRadiusMm = session.strokes.radiusMm
    this.threshold = session.limits.range
    this.canUndo = session.history.canUndo
    this.canRedo = session.history.canRedo
    this.assistant = assistant.state
    this.previews = assistant.previews
    assistant.previews.value = globalThis.localStorage?.getItem(PREVIEWS) !== 'off'
    this.model = assistant.model
    this.labels = labelsOf(session, volume, review)
    this.marks = marksOf(session, volume, review, assistant)
    this.proposal = proposalStateOf(session, review)
  }

  readonly canInterpolate = computed(() => {
    void this.session.changes.value
    return gap(this.session) !== null
  })

  // -- labels and tools --
  setTool(tool: ToolId): void {
    this.host.cancel()
    this.session.tool.value = tool
  }

  setActiveLabel(id: string): void {
    this.session.setActiveLabel(id)
  }

  setLabelVisible(id: string, visible: boolean): void {
    this.session.setLabelVisible(id, visible)
  }

  setMasksVisible(visible: boolean): void {
    this.session.masksVisible.value = visible
  }

  setOpacity(opacity: number): void {
    this.session.setOpacity(opacity)
  }

  setPatterns(on: boolean): void {
    this.session.patterns.value = on
    void this.parts.api.patch<Me>('/api/me', { json: { label_patterns: on }, idempotent: true }).then(({ error }) => {
      if (error) this.parts.page.problem(error)
    })
  }

  layOver(masks: readonly LaidOver[]): void {
    this.session.laidOver.value = masks
  }

  setBrushRadiusMm(radius: number): void {
    this.session.strokes.setRadiusMm(radius)
  }

  setThreshold(range: readonly [low: number, high: number] | null): void {
    this.session.limits.range.value = range
  }

  setLabels(labels: Parameters<Annotator['setLabels']>[0]): void {
    this.session.setLabels(labels.map(({ id, name, color, value, shortcut }) =>
      ({ id, name, color, value, shortcut: shortcut ?? null })))
  }

  focusPicture(): void {
    this.overlay?.focus({ preventScroll: true })
  }

  movePointer(dxPx: number, dyPx: number): void {
    this.focusPicture() // as a press of the mouse does: Enter then accepts, and presses no button
    this.parts.hand.move(dxPx, dyPx)
  }

  pressPointer(held: { readonly alt?: boolean; readonly ctrl?: boolean } = {}): void {
    this.focusPicture()
    this.parts.hand.press(held)
  }

  // -- proposals and masks --
  accept(): void {
    if (this.session.suggestion.peek()) void this.review.accept()
    else this.session.accept()
  }

  reject(): void {
    if (!this.session.reject()) this.session.decline('rejected')
  }

  declareAbsent(): void {
    this.session.reject() // what was tried by hand goes first
    this.session.decline('absent')
  }

  declareEnd(): void {
    this.session.reject()
    this.session.declineBeyond()
  }

  setPlain(plain: boolean): void {
    this.session.setPlain(plain)
  }

  setPreviews(on: boolean): void {
    this.parts.assistant.previews.value = on
    globalThis.localStorage?.setItem(PREVIEWS, on ? 'on' : 'off')
  }

  removeLastPrompt(): void {
    this.session.removeLastPrompt()
  }

  askNow(): void {
    this.session.askNow()
  }

  undo(): void {
    this.host.cancel()
    this.session.undo()
  }

  redo(): void {
    this.host.cancel()
    this.session.redo()
  }

  clearSlice(): void {
    clearSlice(this.session)
  }

  copyFromSlice(step: -1 | 1): void {
    copyFromSlice(this.session, step)
  }

  editMask(edit: MaskEdit): void {
    editBy(this.session, edit)
  }

  interpolate(): void {
    interpolate(this.session)
  }
}
