// What an evaluation measures and how long that takes. Pure: the form edits these values, the tests read them.

import type { EvaluationCase, EvaluationSettings } from '../api/evaluation_types.ts'

export type Protocol = EvaluationSettings['protocol']

export const PROTOCOLS: readonly Protocol[] = ['assist', 'auto', 'ablation']
export const PROMPTS = ['points', 'boxes', 'composite'] as const
export const SCHEMES = ['uniform', 'center', 'boundary'] as const
export const BASELINES = ['grabcut', 'random_walker', 'region_growing'] as const
export const GENERATORS = ['interpolation', 'propagation', 'classification', 'sapnet'] as const

const FINISHED: readonly string[] = ['submitted', 'accepted']
const MOST_NUMBERS = 8
const LARGEST_NUMBER = 64

/** A measurement of a few minutes that answers the first question: what does learning gain? */
export function defaultSettings(cases: readonly EvaluationCase[], labelIds: readonly string[]): EvaluationSettings {
  const finished = cases.filter(isFinished)
  const chosen = finished.length > 0 ? finished : cases
  return withUsefulLabels({
    case_ids: chosen.map((item) => item.id), label_ids: labelIds, protocol: 'assist', unfinished_cases: finished.length === 0,
    model: null, slices: [2, 5], repeats: 1, seed: 0, test_slices: 10, points: [1, 3], prompts: ['points', 'boxes'],
    schemes: ['uniform'], baselines: ['grabcut'], generators: [...GENERATORS],
  }, cases)
}

export const isFinished = (item: EvaluationCase): boolean => FINISHED.includes(item.state)

/** SAM^auto and the ablation also count what is found where the label is not: that is known of finished cases only. */
export const takesUnfinished = (protocol: Protocol): boolean => protocol === 'assist'

export function withProtocol(settings: EvaluationSettings, protocol: Protocol, cases: readonly EvaluationCase[]): EvaluationSettings {
  const slices = protocol === 'ablation' ? [5] : [2, 5]
  if (takesUnfinished(protocol)) return { ...settings, protocol, slices }
  const finished = new Set(cases.filter(isFinished).map((item) => item.id))
  return { ...settings, protocol, slices, unfinished_cases: false, case_ids: settings.case_ids.filter((id) => finished.has(id)) }
}

/** Leaves out labels that no chosen case has enough masks of; all stay when that would be every one. */
function withUsefulLabels(settings: EvaluationSettings, cases: readonly EvaluationCase[]): EvaluationSettings {
  const useful = new Set(measured(settings, cases).map((unit) => unit.labelId))
  return useful.size > 0 ? { ...settings, label_ids: settings.label_ids.filter((id) => useful.has(id)) } : settings
}

/** One label of one case that will be measured: on how many slices it is drawn. All pictures together are one case. */
export interface Unit {
  readonly labelId: string
  readonly slices: number
}

export function measured(settings: EvaluationSettings, cases: readonly EvaluationCase[]): Unit[] {
  const chosen = cases.filter((item) => settings.case_ids.includes(item.id))
  const need = Math.min(...settings.slices) + 1
  return settings.label_ids.flatMap((labelId) => {
    const counts = (of: readonly EvaluationCase[]) => of.map((item) => item.labels.find((label) => label.label_id === labelId)?.slices ?? 0)
    const pictures = counts(chosen.filter((item) => item.pictures)).reduce((sum, n) => sum + n, 0)
    return [...counts(chosen.filter((item) => !item.pictures)), pictures]
      .filter((slices) => slices >= need)
      .map((slices) => ({ labelId, slices }))
  })
}

/** `2, 5` -> [2, 5]; null for anything that is no list of 1 to 8 whole numbers from 1 to 64. */
export function parseNumbers(text: string): number[] | null {
  const parts = text.split(/[\s,;，、]+/).filter(Boolean)
  const numbers = parts.map((part) => (/^\d+$/.test(part) ? Number(part) : 0))
  const fine = numbers.length >= 1 && numbers.length <= MOST_NUMBERS && numbers.every((n) => n >= 1 && n <= LARGEST_NUMBER)
  return fine ? [...new Set(numbers)] : null
}

// Seconds on one core with the bundled model; `SPEED` of an installation is found from what was measured there before.
const ENCODE_S = 0.06
const ANSWER_S = 0.035
const LEARN_S = 12
const BASELINE_S: Readonly<Record<(typeof BASELINES)[number], number>> = { grabcut: 0.1, random_walker: 0.5, region_growing: 0.05 }
const BASELINE_SLICES = 5
const CORRECTED = 6 // the box and up to five corrections
const GENERATOR_S: Readonly<Record<(typeof GENERATORS)[number], number>> = { interpolation: 0, propagation: 15, classification: 1, sapnet: 6 }
const ABLATION_ROWS = 9
const PROPOSAL_S = 0.05
const BACKGROUND_SLICES = 5

/** Seconds that a measurement takes, roughly. `speed` is how much longer this installation takes than the constants say. */
export function estimateSeconds(settings: EvaluationSettings, cases: readonly EvaluationCase[], speed = 1): number {
  return measured(settings, cases).reduce((sum, unit) => sum + unitSeconds(settings, unit.slices), 0) * speed
}

function unitSeconds(settings: EvaluationSettings, drawn: number): number {
  const counts = settings.slices.filter((n) => n < drawn)
  const tested = Math.min(settings.test_slices ?? Infinity, drawn - Math.max(...counts))
  const encoded = drawn * ENCODE_S
  if (settings.protocol === 'assist') return encoded + settings.repeats * assistSeconds(settings, counts.length, tested)
  const targets = tested + BACKGROUND_SLICES
  const once = settings.protocol === 'auto'
    ? settings.generators.reduce((sum, name) => sum + GENERATOR_S[name] + targets * PROPOSAL_S, 0)
    : ABLATION_ROWS * (GENERATOR_S.sapnet + targets * PROPOSAL_S)
  return encoded + settings.repeats * counts.length * (LEARN_S + once)
}

function assistSeconds(settings: EvaluationSettings, counts: number, tested: number): number {
  const baselines = settings.baselines.reduce((sum, name) => sum + BASELINE_S[name], 0) * Math.min(BASELINE_SLICES, tested)
  let seconds = 0
  for (const kind of settings.prompts) {
    const schemes = kind === 'points' ? settings.schemes.length : 1
    const asked = kind === 'points' ? settings.points.length : 1
    const answers = (1 + counts) * tested * ANSWER_S * (kind === 'composite' ? CORRECTED : 1)
    seconds += schemes * (counts * LEARN_S + asked * (answers + (kind === 'composite' ? 0 : baselines)))
  }
  return seconds
}
