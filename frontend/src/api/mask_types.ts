// What an import of masks is asked and answers: the options of POST /api/cases/{id}/masks and the result of its job.

import type { Problem } from './types.ts'

export interface CodedTerm { readonly scheme: string; readonly value: string; readonly meaning: string }

export interface NewMaskLabel { readonly name: string; readonly color: string | null; readonly code: CodedTerm | null }

/** What somebody has to allow: an option, and why. */
export interface MaskNeed extends Problem { readonly option: 'other_patient' | 'resample' | 'crop' }

export interface FoundSegment {
  readonly number: number
  readonly name: string
  readonly color: string | null
  readonly code: CodedTerm | null
  readonly voxels: number
  readonly volume_ml: number
  readonly slices: number
  /** Slices with a mask that would stay as they are. */
  readonly drawn_before: number
  readonly label_id: string | null
  /** The label that would be made of it. */
  readonly would_be: NewMaskLabel
}

export interface StoredLabel {
  readonly label_id: string
  readonly label: string
  readonly is_new: boolean
  readonly slices: readonly number[]
  readonly kept: readonly number[]
}

export interface MaskFileOutcome {
  /** How targets name the file; absent where nothing could be unpacked. */
  readonly file?: number
  /** Its place in the upload. */
  readonly upload: number
  /** Within an archive; else "". */
  readonly name: string
  readonly outcome: 'ready' | 'imported' | 'left_out' | 'refused'
  /** The series that it belongs to. */
  readonly volume_id?: string
  readonly series?: string
  readonly problem?: Problem
  readonly format?: string
  readonly left_out?: readonly string[]
  readonly needs?: readonly MaskNeed[]
  readonly segments?: readonly FoundSegment[]
  readonly labels?: readonly StoredLabel[]
  readonly skipped?: readonly string[]
}

export interface MaskImportResult { readonly dry_run: boolean; readonly files: readonly MaskFileOutcome[] }

export interface SegmentTarget {
  readonly file: number
  readonly segment: string
  readonly label_id?: string
  readonly new_label?: NewMaskLabel
}

export interface MaskOptions {
  readonly dry_run?: boolean
  /** null: the one that a file was drawn on. */
  readonly volume_id: string | null
  readonly reader: string | null
  readonly targets?: readonly SegmentTarget[]
  readonly resample?: boolean
  readonly crop?: boolean
  readonly replace?: boolean
  readonly other_patient?: boolean
}
