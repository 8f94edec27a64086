// Opens a volume for annotation. The interface is in annotator.ts.
import type { Client } from '../api/client.ts'
import type { Annotator, PageCommands } from './annotator.ts'

export type * from './annotator.ts'

export interface AnnotatorOptions {
  readonly api: Client
  readonly projectId: string
  readonly volumeId: string
  readonly page: PageCommands
}

/** Loads the volume, the labels of the project and the caller's masks. Rejects with an ApiError (`error.problem`). */
export declare function openAnnotator(options: AnnotatorOptions): Promise<Annotator>
