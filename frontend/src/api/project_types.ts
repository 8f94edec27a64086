// The shapes of projects, cases, members, tokens and models on the wire, from the server's OpenAPI; and the result of an
// import, which the document leaves open. Shapes of the annotate page are in types.ts.

import type { components } from './schema.gen.ts'

type Schemas = components['schemas']

export type Project = Schemas['Project']
export type Privacy = Project['privacy']
export type ModalityWindows = Schemas['ModalityWindows']
export type ProjectWindows = Project['windows']
export type Identity = Schemas['IdentityOut']
export type LabelIn = Schemas['LabelIn']
export type Person = Schemas['Person']
export type Member = Schemas['Member']
export type Case = Schemas['Case']
export type CaseState = Schemas['CaseState']
export type VolumeBrief = Schemas['VolumeBrief']
export type Network = Schemas['Network']
export type Webhook = Schemas['Webhook']
export type NewWebhook = Schemas['NewWebhook']
export type WebhookEvent = Schemas['WebhookEvent']
export type Delivery = Schemas['Delivery']
export type Token = Schemas['Token']
export type NewToken = Schemas['NewToken']
export type TokenScope = Schemas['TokenScope']
export type SessionOut = Schemas['SessionOut']
export type PersonDetail = Schemas['PersonDetail']
export type Invitation = Schemas['InvitationOut']
export type MemberInvitation = Schemas['MemberInvitation']
export type AuditEvent = Schemas['AuditEvent']
export type WorkItem = Schemas['WorkItem']
export type CaseFilter = Schemas['CaseFilterIn']
export type CasesPatch = Schemas['CasesPatch']
export type CasesChanged = Schemas['CasesChanged']
export type CasePlace = Schemas['PlaceOut']
export type Lease = Schemas['LeaseOut']
export type Changes = Schemas['ChangesOut']
export type ChangedMask = Schemas['ChangedMaskOut']
export type Reader = Schemas['Reader']
export type Agreement = Schemas['AgreementOut']
export type AgreementPair = Schemas['PairOut']
export type Tests = Schemas['TestsOut']
export type ConsensusIn = Schemas['ConsensusIn']
export type Thread = Schemas['ThreadOut']
export type CommentIn = Schemas['CommentIn']
export type ProjectStatistics = Schemas['StatisticsOut']
export type LabelRules = Schemas['Label']['rules']
export type LabelSetVersion = Schemas['LabelSetVersion']
export type LabelsTaken = Schemas['TakenOut']
export type WorkRow = Schemas['WorkOut']
export type RemoteStudy = Schemas['RemoteStudyOut']
export type RemoteStudies = Schemas['RemoteStudies']
export type DicomServers = Schemas['DicomServers']
export type Model = Schemas['ModelOut']

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
  /** Why its pixels may show text of the patient. */
  readonly text_risk?: string | null
}

/** `Job.result` of a finished import. */
export interface ImportResult {
  readonly files: readonly ImportedFile[]
  readonly series: readonly ImportedSeries[]
}

/** In the context of the problems `submit_blocked` and `submit_unconfirmed`. `slice` counts from 0. */
export interface SubmitFinding {
  readonly rule: 'required' | 'islands' | 'holes' | 'missing_slices' | 'volume' | 'overlap' | 'touching'
  readonly level: 'warn' | 'block'
  readonly label_id: string
  readonly label: string
  readonly volume_id: string
  readonly volume: string
  readonly slice: number | null
  readonly amount: number
}
export type SignInOptions = Schemas['SignInOptions']
export type LogoutOut = Schemas['LogoutOut']
