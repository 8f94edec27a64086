// What a page can see and do while a volume is open for annotation: types only. `controller.ts` makes one.
// Every signal always holds a value (a volume is loaded before an Annotator exists); panels read them and call methods.
import type { ReadonlySignal } from '@preact/signals-core'

import type { Problem, RevisionOut } from '../api/types.ts'
import type { Prompt } from '../viewer/draft.ts'
import type { Axis, PatientPoint, VoxelIndex } from '../viewer/geometry.ts'
import type { Canvases } from '../viewer/renderer.ts'
import type { Pattern } from '../viewer/pattern.ts'
import type { LabelStyle, LaidOver } from '../viewer/session.ts'
import type { MaskEdit } from '../viewer/slice_edits.ts'
import type { Decline } from '../viewer/suggestions.ts'
import type { ToolId } from '../viewer/tools/tool.ts'
import type { PlaneName, ViewedVolume } from '../viewer/view_state.ts'
import type { Histogram, WindowLevel } from '../viewer/windowing.ts'
import type { Drawing } from './drawing.ts'
import type { Learning } from './learning.ts'
import type { Measurements } from './measurements.ts'
import type { PaneViews } from './pane_views.ts'
import type { Review } from './review.ts'
import type { Rounds } from './rounds.ts'

export type { BoxPrompt, PointPrompt, Prompt } from '../viewer/draft.ts'
export type { Canvases } from '../viewer/renderer.ts'
export type { MaskEdit } from '../viewer/slice_edits.ts'
export type { ToolId } from '../viewer/tools/tool.ts'
export type { WindowLevel } from '../viewer/windowing.ts'

export interface VolumeInfo extends ViewedVolume {
  readonly id: string
  readonly caseId: string
  readonly name: string
  readonly modality: string
  readonly warnings: readonly string[]
  /** Names the voxels as they are now (VolumeOut.pixels). */
  readonly pixels: string
  /** Why its pixels may show who the patient is, if nobody has looked. */
  readonly textRisk: string | null
}

export interface WindowPreset extends WindowLevel { readonly name: string }

export interface LabelState extends LabelStyle {
  /** Its marks; 'plain' where none are wanted. */
  readonly pattern: Pattern
  readonly visible: boolean
  readonly active: boolean
  readonly voxels: number
  readonly volumeMl: number
  /** How many slices hold at least one voxel of it. */
  readonly slices: number
  /** Empty slices between those that hold it, of which nobody said that they are meant to be. */
  readonly holes: readonly number[]
}

/** The mask that nobody accepted yet, of the visible slice. */
export interface ProposalState {
  /** `suggestion`: a job made it, and no prompt was touched yet. */
  readonly kind: 'draft' | 'suggestion'
  readonly slice: number
  readonly labelId: string
  readonly prompts: readonly Prompt[]
  /** 0..1, how sure the model is; null until it has answered. */
  readonly score: number | null
  readonly model: string | null
  /** A learned prompt answered, not the plain model. */
  readonly learned: boolean
  /** The plain model is asked, to compare with what was learned. */
  readonly plain: boolean
  /** Voxels of the proposed mask, brush edits included. */
  readonly voxels: number
  /** A person corrected it with the brush. */
  readonly edited: boolean
  /** There is nothing to accept yet: points are collected (Ctrl), or the answer is on its way. */
  readonly waiting: boolean
}

export type SavingState =
  | { readonly kind: 'saved' }
  | { readonly kind: 'saving'; readonly pending: number }
  /** The server cannot be reached; work goes on and is kept in the browser. */
  | { readonly kind: 'offline'; readonly pending: number }
  /** The server refused; nothing is lost, but a person has to act (sign in again, ask for access ...). */
  | { readonly kind: 'refused'; readonly pending: number; readonly problem: Problem }
  /** The same slices were changed elsewhere; `resolveConflict` decides. */
  | { readonly kind: 'conflict'; readonly pending: number; readonly labelId: string; readonly slices: readonly number[]
    /** Those of them that were changed here too. */
    readonly contested: readonly number[] }

export type AssistantState =
  | { readonly kind: 'ready' }
  /** The model is reading the visible slice; a click is answered when it has. */
  | { readonly kind: 'encoding' }
  | { readonly kind: 'asking' }
  /** No worker answers; tried again by itself. */
  | { readonly kind: 'no_worker'; readonly problem: Problem | null }
  | { readonly kind: 'offline' }
  /** The last request was refused; the next click tries again. */
  | { readonly kind: 'failed'; readonly problem: Problem }

/** How the picture of the visible slice is doing. */
export type PictureState =
  | { readonly kind: 'loading' }
  | { readonly kind: 'shown' }
  | { readonly kind: 'failed'; readonly problem: Problem }

export interface Cursor {
  readonly voxel: VoxelIndex
  readonly positionMm: PatientPoint
  /** The value under the pointer, three of them for colour; null while the slice loads. */
  readonly value: number | readonly [number, number, number] | null
  readonly unit: string
}

/** One entry per slice of the acquisition plane, for the strip below the picture. */
export interface SliceMark {
  /** Labels (visible ones) with at least one voxel here. */
  readonly labels: number
  /** The active label has voxels here. */
  readonly active: boolean
  /** A draft waits here. */
  readonly drafted: boolean
  /** How sure the machine is of the mask that it proposes for the active label here, 0..1; null without one. */
  readonly suggested: number | null
  /** What it proposes is that the label is not here. */
  readonly unfound: boolean
  /** What a job proposed here for the active label was turned down. */
  readonly declined: Decline | null
  /** The model has read this slice: a click here is answered at once. */
  readonly encoded: boolean
}

/** Commands that belong to the page around the picture; actions call them. */
export interface PageCommands {
  help(): void
  /** The list of all commands, to type in. */
  palette(): void
  /** Which keys do what, to be changed. */
  keys(): void
  nextCase(): void
  /** To the picture of the project whose proposal of this label is the next in the walk from least to most certain. */
  leastCertainPicture(labelId: string): void
  previousCase(): void
  submit(): void
  /** What was measured on this series, and the figures of its labels. */
  measurements(): void
  importMasks(): void
  /** From now on the project opens volumes of this kind with this window. */
  openWith(window: WindowLevel): void
  /** Something could not be done; the page says so. */
  problem(problem: Problem): void
  addLabel(): void
}

/** What a window menu shows and changes. */
export interface Windowed {
  readonly volume: VolumeInfo
  readonly window: ReadonlySignal<WindowLevel>
  readonly presets: readonly WindowPreset[]
  /** Of the values of the visible slice; null while it loads and for colours. */
  readonly histogram: ReadonlySignal<Histogram | null>
  readonly inverted: ReadonlySignal<boolean>
  setWindow(window: WindowLevel): void
  autoWindow(): void
  setInverted(on: boolean): void
}

export interface Annotator extends Windowed {
  /** The masks are there and work may begin; the picture does not wait for them. Rejects with an ApiError. */
  readonly ready: Promise<void>
  // -- what is looked at --
  readonly axis: ReadonlySignal<Axis>
  readonly plane: ReadonlySignal<PlaneName>
  /** Which planes can be chosen: those with more than one voxel in both directions. */
  readonly planes: readonly { readonly axis: Axis; readonly plane: PlaneName }[]
  readonly slice: ReadonlySignal<number>
  readonly sliceCount: ReadonlySignal<number>
  /** Where the crosshair stands: all three planes go through it. */
  readonly position: ReadonlySignal<VoxelIndex>
  readonly picture: ReadonlySignal<PictureState>
  readonly interpolated: ReadonlySignal<boolean>
  readonly crosshair: ReadonlySignal<boolean>
  /** Left and right as seen from the head. */
  readonly neurological: ReadonlySignal<boolean>
  readonly magnifier: ReadonlySignal<boolean>
  readonly playing: ReadonlySignal<boolean>
  /** CSS pixels per millimetre divided by the fitting one: 1 = fitted. */
  readonly zoom: ReadonlySignal<number>
  /** What lies under the pointer, in whichever pane of this volume it is. */
  readonly cursor: ReadonlySignal<Cursor | null>
  /** The same of the main picture alone: to be read there. */
  readonly readout: ReadonlySignal<Cursor | null>
  readonly marks: ReadonlySignal<readonly SliceMark[]>

  // -- labels, tools, masks --
  readonly labels: ReadonlySignal<readonly LabelState[]>
  readonly activeLabelId: ReadonlySignal<string | null>
  readonly masksVisible: ReadonlySignal<boolean>
  /** 0..1 */
  readonly opacity: ReadonlySignal<number>
  /** Labels are told apart by patterns, too. */
  readonly patterns: ReadonlySignal<boolean>
  readonly tool: ReadonlySignal<ToolId>
  /** Whether prompts and the brush work here: true in the acquisition plane with an active label. */
  readonly canDraw: ReadonlySignal<boolean>
  /** Whether brush and eraser do: in every plane. */
  readonly canPaint: ReadonlySignal<boolean>
  readonly brushRadiusMm: ReadonlySignal<number>
  /** Drawing only touches voxels whose value lies in this range. */
  readonly threshold: ReadonlySignal<readonly [low: number, high: number] | null>
  /** The visible slice lies in a gap of the active label. */
  readonly canInterpolate: ReadonlySignal<boolean>
  readonly proposal: ReadonlySignal<ProposalState | null>
  /** False until `ready`. */
  readonly masksReady: ReadonlySignal<boolean>
  readonly canUndo: ReadonlySignal<boolean>
  readonly canRedo: ReadonlySignal<boolean>

  // -- the world outside --
  readonly saving: ReadonlySignal<SavingState>
  readonly assistant: ReadonlySignal<AssistantState>
  /** While the pointer rests, what a click there would give is shown. */
  readonly previews: ReadonlySignal<boolean>
  readonly model: ReadonlySignal<string | null>
  readonly learning: Learning
  readonly review: Review
  readonly rounds: Rounds
  readonly panes: PaneViews
  readonly drawing: Drawing
  readonly measurements: Measurements

  // -- commands --
  attach(canvases: Canvases): () => void
  close(): void

  setAxis(axis: Axis): void
  setSlice(index: number): void
  /** This, zoom, fit, rotate and flip act on the pane under the pointer, else on the main one. */
  moveSlices(steps: number): void
  /** Shows a slice of the acquisition plane. */
  lookAt(slice: number): void
  setPosition(voxel: VoxelIndex): void
  /** This and inverting act on the series under the pointer, too. */
  usePreset(index: number): void
  invert(): void
  setInterpolated(on: boolean): void
  setCrosshair(on: boolean): void
  setNeurological(on: boolean): void
  setMagnifier(on: boolean): void
  setPlaying(on: boolean): void
  zoomBy(factor: number): void
  fit(): void
  rotate(): void
  flip(direction: 'horizontal' | 'vertical'): void
  /** Fit, no rotation or flips, the first window. */
  resetView(): void

  setTool(tool: ToolId): void
  setActiveLabel(id: string): void
  setLabelVisible(id: string, visible: boolean): void
  setMasksVisible(visible: boolean): void
  setOpacity(opacity: number): void
  /** Kept with the account. */
  setPatterns(on: boolean): void
  /** Masks that are only looked at, over everything else; none take them away. */
  layOver(masks: readonly LaidOver[]): void
  setBrushRadiusMm(radius: number): void
  setThreshold(range: readonly [low: number, high: number] | null): void
  /** The project's labels changed (added, renamed, recoloured). */
  setLabels(labels: readonly { id: string; name: string; color: string; value: number; shortcut?: string | null }[]): void

  /** Keys go to the picture again, wherever the focus was. */
  focusPicture(): void
  /** The pointer of those who use keys alone: CSS pixels. */
  movePointer(dxPx: number, dyPx: number): void
  /** Clicks there, or begins and with the next press ends a box or a stroke. With Alt: negative, eraser for brush; with
   *  Ctrl prompts are collected. */
  pressPointer(held?: { readonly alt?: boolean; readonly ctrl?: boolean }): void

  /** The draft, else the suggestion of the visible slice. */
  accept(): void
  reject(): void
  /** Turns the suggestion down because the slice does not show the label. */
  declareAbsent(): void
  /** The label is neither on this slice nor on any beyond it. */
  declareEnd(): void
  /** Asks the open question of the plain model, to compare, or again of what was learned. */
  setPlain(plain: boolean): void
  /** Kept in this browser. */
  setPreviews(on: boolean): void
  removeLastPrompt(): void
  askNow(): void
  undo(): void
  redo(): void
  /** Empties the active label on the visible slice, as one revision. */
  clearSlice(): void
  /** Copies the active label from the neighbouring slice (-1 or +1) onto the visible one, as one revision. */
  copyFromSlice(step: -1 | 1): void
  /** Of the open proposal, else of the active label on the visible slice. */
  editMask(edit: MaskEdit): void
  /** Fills the gap between the two slices of the active label around the visible one, as one revision. */
  interpolate(): void

  /** Sends what waits now instead of at the next try. */
  flush(): void
  /** Slices: those where the other version is taken; ours stays on the rest. */
  resolveConflict(choice: 'mine' | 'theirs' | ReadonlySet<number>): void
  /** Goes to a contested slice and lays the other version over ours. */
  lookAtConflict(slice: number): Promise<void>
  /** Revisions of the active label, newest first; null when the server cannot tell. */
  history(): Promise<readonly RevisionOut[] | null>
  restore(sequence: number): Promise<Problem | null>
}
