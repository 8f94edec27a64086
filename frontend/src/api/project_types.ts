// The shapes of projects, cases, members, tokens, imports and models on the wire: what the pages around the picture use.
// Shapes of the annotate page are in types.ts; no behaviour here.

import type { CodedConcept, Label } from './types.ts'

export interface LabelIn {
  readonly name: string
  readonly color: string
  readonly code?: CodedConcept | null
  readonly shortcut?: string | null
  readonly value?: number
}

export interface Project {
  readonly id: string
  readonly name: string
  readonly description: string
  readonly created_at: string
  readonly archived: boolean
  readonly role: string
  readonly labels: readonly Label[]
  readonly counts: {
    readonly cases: number
    readonly volumes: number
    readonly by_state: Readonly<Partial<Record<CaseState, number>>>
  }
}

export interface Person { readonly id: string; readonly name: string; readonly email: string }

export interface VolumeBrief {
  readonly id: string
  readonly name: string
  readonly modality: string
  readonly shape_kji: readonly [slices: number, rows: number, columns: number]
  readonly warnings: readonly string[]
}

export type CaseState = 'new' | 'assigned' | 'in_progress' | 'submitted' | 'accepted' | 'returned'

export interface Case {
  readonly id: string
  readonly project_id: string
  readonly name: string
  readonly state: CaseState
  readonly modality: string
  readonly created_at: string
  readonly assignee: Person | null
  readonly volumes: readonly VolumeBrief[]
  readonly annotated_slices: number
}

export interface Member { readonly user: Person; readonly role: string }

export interface Token {
  readonly id: string
  readonly name: string
  readonly created_at: string
  readonly expires_at: string | null
  readonly last_used_at: string | null
}

export interface NewToken extends Token { readonly token: string }

export interface Model {
  readonly name: string
  readonly default: boolean
  readonly checksum: string
}

export type FileOutcome = 'imported' | 'duplicate' | 'rejected' | 'ignored'

export interface ImportedFile {
  readonly name: string
  readonly outcome: FileOutcome
  readonly code?: string | null
  readonly detail?: string | null
  readonly hint?: string | null
  readonly volume_id?: string | null
}

export interface ImportedSeries {
  readonly name: string
  readonly modality: string
  readonly volume_id: string
  readonly case_id: string
  readonly slices: number
  readonly warnings: readonly string[]
}

/** `Job.result` of a finished import. */
export interface ImportResult {
  readonly files: readonly ImportedFile[]
  readonly series: readonly ImportedSeries[]
}
