// The shapes that travel between browser and server, by hand and by the contract; no behaviour.

export interface Problem {
  readonly code: string
  readonly title: string
  readonly detail: string
  readonly hint?: string
  readonly context?: Readonly<Record<string, unknown>>
  readonly status?: number
}

export interface Rle {
  readonly size: readonly [rows: number, columns: number]
  readonly counts: string
}

export interface Page<T> {
  readonly items: readonly T[]
  readonly next_cursor: string | null
}

export interface Me {
  readonly id: string
  readonly email: string
  readonly name: string
  readonly is_admin: boolean
  readonly must_set_password: boolean
}

export interface CodedConcept { readonly scheme: string; readonly value: string; readonly meaning: string }

export interface Label {
  readonly id: string
  readonly name: string
  readonly color: string
  readonly value: number
  readonly code?: CodedConcept | null
  readonly shortcut?: string | null
}

export interface DisplayWindow { readonly name: string; readonly width: number; readonly center: number }

export interface VolumeOut {
  readonly id: string
  readonly case_id: string
  readonly project_id: string
  readonly name: string
  readonly modality: string
  readonly shape_kji: readonly number[]
  readonly spacing_kji_mm: readonly number[]
  readonly axis_letters: readonly string[]
  readonly affine_lps: readonly (readonly number[])[]
  readonly dtype: string
  readonly channels: number
  readonly value_range: readonly number[]
  readonly inverted: boolean
  readonly windows: readonly DisplayWindow[]
  readonly source_kind: string
  readonly model_window: { readonly width: number; readonly center: number } | null
  readonly warnings: readonly string[]
}

export interface PointIn { readonly x: number; readonly y: number; readonly positive: boolean }

export interface PredictionIn {
  readonly slice: number
  readonly label_id?: string
  readonly points: readonly PointIn[]
  readonly box?: readonly [x0: number, y0: number, x1: number, y1: number]
  readonly mask?: Rle
  readonly model?: string
}

export interface PredictionOut {
  readonly mask: Rle
  readonly score: number
  readonly model: string
  readonly ms: Readonly<Record<string, number>>
  readonly cached: boolean
}

export interface EncodingsOut { readonly ready: readonly number[]; readonly queued?: readonly number[] }

export interface AnnotationOut {
  readonly id: string
  readonly volume_id: string
  readonly label_id: string
  readonly annotator: { readonly id: string; readonly name: string; readonly email: string }
  readonly head: string | null
  readonly sequence: number
  readonly slices: readonly number[]
}

export interface MasksOut {
  readonly head: string | null
  readonly sequence: number
  readonly slices: Readonly<Record<string, Rle>>
}

export interface SliceMaskOut { readonly head: string | null; readonly mask: Rle }

export type Origin =
  | 'manual' | 'sam' | 'assist' | 'auto' | 'propagation' | 'interpolation' | 'import' | 'undo' | 'review'

export interface RevisionPrompts {
  readonly points: readonly PointIn[]
  readonly box: readonly [number, number, number, number] | null
}

export interface RevisionIn {
  readonly id: string
  readonly parent: string | null
  readonly origin: Origin
  readonly slices: readonly { readonly slice: number; readonly flips: Rle }[]
  readonly prompts?: RevisionPrompts
  readonly model?: { readonly name: string }
  readonly reverts?: string
  readonly telemetry?: Readonly<Record<string, number>>
}

export interface RevisionOut {
  readonly id: string
  readonly sequence: number
  readonly parent: string | null
  readonly origin: Origin
  readonly author: string
  readonly created_at: string
  readonly slices: readonly number[]
  readonly flipped_voxels: number
}

export type JobState = 'queued' | 'running' | 'done' | 'failed' | 'cancelled'

export interface Job {
  readonly id: string
  readonly kind: string
  readonly state: JobState
  readonly progress: number
  readonly message: string | null
  readonly result: unknown
  readonly problem: Problem | null
  readonly created_at: string
  readonly started_at: string | null
  readonly finished_at: string | null
  readonly project_id: string | null
}

export interface SystemOut {
  readonly version: string
  readonly workers: Readonly<Record<string, number>>
  readonly redis: string
  readonly problems: readonly { readonly code: string; readonly detail: string; readonly hint?: string }[]
}
