// A draft as a question on the wire, and what came back as its answer.
import type { PredictionIn, PredictionOut } from '../api/types.ts'
import type { Answer, Draft, PointPrompt, Prompt } from '../viewer/draft.ts'
import { fromCoco, toCoco } from '../viewer/mask.ts'
import { cutToLasso, pointsOf } from '../viewer/prompt_shapes.ts'

export function questionOf(draft: Draft): PredictionIn {
  return {
    slice: draft.slice, label_id: draft.labelId, ...promptsOnWire(draft.prompts),
    ...(draft.context ? { mask: toCoco(draft.context) } : {}),
    ...(draft.around.length > 0 ? { around: draft.around } : {}),
    ...(draft.plain ? { learned_prompt: null } : {}),
  }
}

export function promptsOnWire(prompts: readonly Prompt[]): Pick<PredictionIn, 'points' | 'box'> {
  const box = prompts.find((prompt) => prompt.kind === 'box' || prompt.kind === 'lasso')
  const points = prompts.flatMap((prompt): PointPrompt[] => {
    if (prompt.kind === 'point') return [prompt]
    if (prompt.kind === 'scribble') return [...pointsOf(prompt)]
    return prompt.kind === 'lasso' ? [{ kind: 'point', x: prompt.x, y: prompt.y, positive: true }] : []
  }).map(({ x, y, positive }) => ({ x, y, positive }))
  return { points, ...(box ? { box: [box.x0, box.y0, box.x1, box.y1] as const } : {}) }
}

export function answerOf({ mask, score, model, learned_prompt: learned }: PredictionOut, { prompts }: Draft): Answer {
  return { mask: cutToLasso(fromCoco(mask), prompts), score, model, learnedPrompt: learned?.id ?? null }
}
