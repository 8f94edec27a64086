// How much longer measuring takes here than the constants of evaluation_settings.ts say: learned from what was measured.

import type { Evaluation, EvaluationCase } from '../api/evaluation_types.ts'
import { estimateSeconds } from './evaluation_settings.ts'

const SLOWEST = 20
const FASTEST = 1 / 20

/** The median over finished measurements whose cases are still there; 1 without any. */
export function speedOf(done: readonly Evaluation[], cases: readonly EvaluationCase[]): number {
  const ratios = done
    .map((run) => (run.result?.seconds ?? 0) / estimateSeconds(run.settings, cases))
    .filter((ratio) => Number.isFinite(ratio) && ratio > 0)
    .sort((a, b) => a - b)
  const median = ratios[Math.floor(ratios.length / 2)] ?? 1
  return Math.min(SLOWEST, Math.max(FASTEST, median))
}
