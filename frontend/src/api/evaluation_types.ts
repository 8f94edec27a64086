// The shapes of evaluations on the wire, from the server's OpenAPI.

import type { components } from './schema.gen.ts'

type Schemas = components['schemas']

/** With everything that the server fills in. */
export type EvaluationSettings = Required<Schemas['EvaluationSettings']>
export type Evaluation = Omit<Schemas['Evaluation'], 'settings'> & { readonly settings: EvaluationSettings }
export type EvaluationCase = Schemas['EvaluationCase']
export type EvaluationResult = Schemas['EvaluationResult']
