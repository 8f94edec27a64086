// What a session is opened with, what leaves it, and what its undo keeps: types only.
import type { Answer, Draft, Prompt } from './draft.ts'
import type { SlicePoint } from './geometry.ts'
import type { Wire } from './livewire.ts'
import type { Hatch } from './hatch.ts'
import type { Mask } from './mask.ts'
import type { Measuring } from './measuring.ts'
import type { Pattern } from './pattern.ts'
import type { MaskSource } from './resampled.ts'
import type { Decline, Suggestion } from './suggestions.ts'
import type { Grip } from './tools/grip.ts'
import type { ViewedVolume } from './view_state.ts'
import type { SliceImage, WindowLevel } from './windowing.ts'

export interface LabelStyle {
  readonly id: string
  readonly name: string
  readonly color: string
  readonly value: number
  readonly shortcut: string | null
}

/** The slices of a mask that is only looked at. Where `labelId` is hidden, it is too. */
export interface LaidOver<Masks extends MaskSource = MaskSource> {
  readonly labelId: string
  readonly color: string
  readonly masks: Masks
  readonly pattern?: Pattern
  /** Nobody accepted it: it is hatched. */
  readonly hatch?: Hatch
  /** Only over the masks of now, or only over the earlier ones beside them; everywhere if not given. */
  readonly on?: 'now' | 'earlier'
}

export interface SliceFlips { readonly slice: number; readonly flips: Mask }

/** What the flips turn a mask from and into. */
export interface SliceTurn extends SliceFlips { readonly before: Mask; readonly after: Mask }

/** One change that a person made final. */
export interface Accepted {
  readonly id: string
  readonly labelId: string
  readonly origin: 'sam' | 'assist' | 'manual' | 'across' | 'interpolation' | 'undo'
  readonly slices: readonly SliceFlips[]
  readonly prompts: readonly Prompt[]
  readonly model: string | null
  readonly learnedPrompt: string | null
  /** The suggestion that it began with. */
  readonly suggestionId: string | null
  /** The revision that this one takes back. */
  readonly reverts: string | null
}

/** What a person said about suggestions without drawing: turned down, or open again after all. */
export interface Decision {
  readonly labelId: string
  readonly suggestions: readonly Suggestion[]
  readonly as: Decline | 'open'
}

/** A step of work on a slice of the acquisition plane, for those who count. */
export type Work = 'click' | 'box' | 'stroke' | 'undo' | Answer

export interface MaskChange {
  readonly kind: 'mask'
  readonly labelId: string
  readonly parts: readonly SliceTurn[]
  /** The newest revision that made or unmade this change. */
  revision: string
}

export interface DraftChange {
  readonly kind: 'draft'
  readonly slice: number
  readonly before: Draft | null
  readonly after: Draft | null
}

export interface SuggestionChange {
  readonly kind: 'suggestion'
  readonly closed: readonly [Suggestion, ...Suggestion[]]
  /** Null: a mask took their place. */
  readonly as: Decline | null
}

export type Change = MaskChange | DraftChange | SuggestionChange

export interface SessionOptions {
  readonly volume: ViewedVolume
  /** Shown first. */
  readonly window: WindowLevel
  /** The caller may look and not change anything. */
  readonly readOnly?: boolean
  /** The label set is exclusive: a voxel belongs to one label at most. */
  readonly exclusive?: boolean
  readonly newId: () => string
  readonly onAccepted: (accepted: Accepted) => void
  readonly onDecision?: (decision: Decision) => void
  /** The picture of another slice of the acquisition plane, if it is at hand. */
  readonly pictureOf?: (slice: number) => SliceImage | null
  readonly onMeasured?: (measuring: Measuring) => void
  readonly onWork?: (slice: number, work: Work) => void
}

/** An outline that is being drawn on a slice. */
export interface OutlineInHand {
  readonly slice: number
  readonly points: readonly SlicePoint[]
  /** Corners that were set, shown as dots. */
  readonly anchors: readonly SlicePoint[]
  /** Of a scribble: over what does not belong. */
  readonly away?: boolean
  /** Of a livewire: the ways between its anchors, and the tree of ways from the last one. */
  readonly laid?: { readonly anchors: readonly SlicePoint[]; readonly legs: readonly (readonly SlicePoint[])[]; readonly wire: Wire }
}

/** A prompt in the hand, as it is now. */
export interface Grabbed { readonly grip: Grip; readonly prompt: Prompt }
