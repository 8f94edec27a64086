// The shapes of blinded comparisons on the wire, from the server's OpenAPI.

import type { components } from './schema.gen.ts'

type Schemas = components['schemas']

export type Comparison = Schemas['ComparisonOut']
export type ComparisonIn = Schemas['ComparisonIn']
export type ComparisonSettings = Schemas['ComparisonSettings']
export type Source = Schemas['Source']
export type Turn = Schemas['TurnOut']
export type Choice = Schemas['Choice']
export type Judged = Schemas['JudgedOut']
export type TallyOut = Schemas['TallyOut']
export type TallyRow = Schemas['TallyRowOut']
