// A draft: prompts on one slice, what the model proposed for them, and what a hand corrected. Nobody accepted it yet.
// Drafts are immutable values, so undo keeps the old one. Who asks the model and when is annotate/assistant.ts.
import { difference, emptyMask, isEmpty, union, xor, type Mask } from './mask.ts'
import { pointsOf } from './prompt_shapes.ts'
import type { Suggestion } from './suggestions.ts'

export interface PointPrompt {
  readonly kind: 'point'
  readonly x: number
  readonly y: number
  readonly positive: boolean
}

/** Inclusive voxel columns and rows. */
export interface BoxPrompt {
  readonly kind: 'box'
  readonly x0: number
  readonly y0: number
  readonly x1: number
  readonly y1: number
}

/** A line that was drawn over what belongs, or does not: (column, row) of a slice, fractional. */
export interface ScribblePrompt {
  readonly kind: 'scribble'
  readonly points: readonly (readonly [x: number, y: number])[]
  readonly positive: boolean
}

/** An outline around what is meant, with its bounding box (inclusive) and its innermost voxel. */
export interface LassoPrompt {
  readonly kind: 'lasso'
  readonly points: readonly (readonly [x: number, y: number])[]
  readonly x0: number
  readonly y0: number
  readonly x1: number
  readonly y1: number
  readonly x: number
  readonly y: number
}

export type Prompt = PointPrompt | BoxPrompt | ScribblePrompt | LassoPrompt

/** There is one of these at most: they say where to look. */
export function bounds(prompt: Prompt): boolean {
  return prompt.kind === 'box' || prompt.kind === 'lasso'
}

/** x, y in voxels. */
export type Place = readonly [number, number]

export interface Answer {
  readonly mask: Mask
  readonly score: number
  readonly model: string
  /** The learned prompt that answered; null: the plain model did. */
  readonly learnedPrompt: string | null
}

export interface Draft {
  /** Another one after every change of the prompts: an answer to an older one is stale. */
  readonly id: number
  readonly slice: number
  readonly labelId: string
  readonly prompts: readonly Prompt[]
  /** Prompts are being collected (Ctrl held): do not ask yet. */
  readonly held: boolean
  /** The answer is to the present prompts. */
  readonly answered: boolean
  /** To be answered by the plain model, to compare with what was learned. */
  readonly plain: boolean
  readonly answer: Answer | null
  /** The accepted object that the first click re-opened; accepting replaces it. Part of the label's mask. */
  readonly base: Mask | null
  /** The mask that goes with the prompts to the model: what was on the screen when the last prompt was added. */
  readonly context: Mask | null
  /** The context is right but at these places, and changes nowhere else. None: the model answers with a whole mask. */
  readonly around: readonly Place[]
  /** The suggestion that was taken in hand: what was proposed, for which prompts. */
  readonly suggested: Pick<Suggestion, 'id' | 'mask' | 'prompts' | 'instanceBoxes'> | null
  /** What the brush added to and took from the answers. It stays when the model answers again. */
  readonly added: Mask
  readonly removed: Mask
}

/** An object that may be re-opened (`base`) shows itself until the model has answered. */
export function newDraft(id: number, slice: number, labelId: string, none: Mask, base: Mask | null): Draft {
  return {
    id, slice, labelId, base, prompts: [], held: false, answered: false, plain: false, answer: null, context: base, around: [], suggested: null,
    added: emptyMask(none.rows, none.columns), removed: emptyMask(none.rows, none.columns),
  }
}

/** A suggestion taken in hand: as if its prompts had been given here and answered. */
export function draftOf(suggestion: Suggestion, id: number): Draft {
  const { slice, labelId, mask, confidence, prompts, model, learnedPrompt } = suggestion
  const answer = { mask, score: confidence, model, learnedPrompt }
  return { ...newDraft(id, slice, labelId, mask, null), prompts, answer, answered: true, suggested: suggestion }
}

/** The proposed mask, with the corrections of the hand on top. */
export function proposalOf(draft: Draft): Mask {
  const model = draft.answer?.mask ?? draft.base
  const start = model ?? emptyMask(draft.added.rows, draft.added.columns)
  return difference(union(start, draft.added), draft.removed)
}

export function isEdited(draft: Draft): boolean {
  return !isEmpty(draft.added) || !isEmpty(draft.removed)
}

/** There is something to accept: an answer to these prompts, or what a hand painted while no answer could be had. */
export function isAcceptable(draft: Draft): boolean {
  return !draft.held && (draft.answered || isEdited(draft))
}

/** One more prompt. There is one box or outline at most: a new one takes the place of the old one. A point or a scribble
 *  corrects what was suggested, or the object that was re-opened, where it lies. */
export function withPrompt(draft: Draft, id: number, prompt: Prompt, held: boolean): Draft {
  const kept = bounds(prompt) ? draft.prompts.filter((other) => !bounds(other)) : draft.prompts
  const shown = proposalOf(draft)
  const context = draft.held ? draft.context : isEmpty(shown) ? null : shown
  const corrects = (draft.suggested !== null || draft.base !== null) && context !== null
  const amongBounds = draft.held && draft.around.length === 0
  const around = corrects && !amongBounds && !bounds(prompt) ? [...(draft.held ? draft.around : []), ...placesOf(prompt)] : []
  return { ...draft, id, held, answered: false, prompts: [...kept, prompt], context, around }
}

/** With other prompts, some moved or removed; null when none is left. What they were before must not steer the next
 *  answer: a suggestion changes from what it was, at the points that are others now. */
export function withPrompts(draft: Draft, id: number, prompts: readonly Prompt[]): Draft | null {
  if (prompts.length === 0) return null
  const next = { ...draft, id, prompts, held: false, answered: false, context: draft.base, around: [] }
  if (draft.suggested === null || isEmpty(draft.suggested.mask)) return next
  const others = notIn(prompts, draft.suggested.prompts).concat(notIn(draft.suggested.prompts, prompts))
  if (others.some(bounds)) return next
  return { ...next, context: draft.suggested.mask, around: others.flatMap(placesOf) }
}

function placesOf(prompt: Prompt): readonly Place[] {
  if (prompt.kind === 'scribble') return pointsOf(prompt).map(({ x, y }) => [x, y])
  return prompt.kind === 'point' ? [[prompt.x, prompt.y]] : []
}

const notIn = (some: readonly Prompt[], others: readonly Prompt[]): readonly Prompt[] =>
  some.filter((prompt) => !others.includes(prompt))

/** The same question, to the plain model or to what was learned. */
export function withPlain(draft: Draft, id: number, plain: boolean): Draft {
  return { ...draft, id, plain, answered: false }
}

export function withAnswer(draft: Draft, answer: Answer): Draft {
  return { ...draft, answer, answered: true }
}

/** The brush turned `before` into `after` (both proposals). */
export function withStroke(draft: Draft, before: Mask, after: Mask): Draft {
  const painted = difference(after, before), erased = difference(before, after)
  return {
    ...draft,
    added: difference(union(draft.added, painted), erased),
    removed: difference(union(draft.removed, erased), painted),
  }
}

/** What accepting changes in the label's mask: the re-opened object goes, the proposal comes. */
export function flipsOfAccepting(draft: Draft, current: Mask): Mask {
  const without = draft.base === null ? current : difference(current, draft.base)
  return xor(current, union(without, proposalOf(draft)))
}
