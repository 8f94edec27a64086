// The shapes on the wire under the names that this code uses. They come from the server's OpenAPI (`npm run schema` writes
// schema.gen.ts), except for the three that the document does not describe: problem details, pages and results of imports.
import type { components } from './schema.gen.ts'

type Schemas = components['schemas']

/** RFC 9457, application/problem+json. `code` is stable; `status` is added by the client. */
export interface Problem {
  readonly code: string
  readonly title: string
  readonly detail: string
  readonly hint?: string | null
  readonly context?: Readonly<Record<string, unknown>> | null
  readonly status?: number | null
}

export interface Page<T> {
  readonly items: readonly T[]
  readonly next_cursor: string | null
}

export type Me = Schemas['Me']
export type Label = Schemas['Label']
export type CodedConcept = Schemas['CodeValue']
export type Rle = Schemas['Rle']
export type VolumeOut = Schemas['Volume']
export type PredictionIn = Schemas['PredictionIn']
export type PredictionOut = Schemas['PredictionOut']
export type EncodingsOut = Schemas['EncodingsOut']
export type AnnotationOut = Schemas['Annotation']
export type MasksOut = Schemas['AnnotationMasks']
export type SliceMaskOut = Schemas['AnnotationSlice']
export type RevisionIn = Schemas['RevisionIn']
export type RevisionOut = Schemas['Revision']
export type Origin = Schemas['Origin']
export type Job = Schemas['Job']
export type JobState = Schemas['JobState']
export type SystemOut = Schemas['SystemOut']
export type LabelLearning = Schemas['LabelLearningOut']
export type LearnedPrompt = Schemas['LearnedPrompt']
export type LearningJobIn = Schemas['LearnPromptJobIn'] | Schemas['AutoSegmentJobIn'] | Schemas['PropagateJobIn']
export type JobKind = Schemas['JobKind']
export type Generator = Schemas['Generator']
export type ProposalOut = Schemas['Proposal']
export type ProposalBrief = Schemas['ProposalBrief']
export type AcceptedOut = Schemas['AcceptedOut']
export type AcceptedPicturesOut = Schemas['AcceptedPicturesOut']
export type MeasurementIn = Schemas['MeasurementIn']
export type MeasurementOut = Schemas['MeasurementOut']
export type Person = Schemas['Person']
export type LabelFiguresOut = Schemas['LabelFiguresOut']
export type Telemetry = Schemas['Telemetry']
