// Sending files with progress. XMLHttpRequest, because fetch cannot say how much of a body has left.

import { ABORTED, OFFLINE, problem, type Result } from './client.ts'
import type { Job, Problem } from './types.ts'

export interface NamedFile {
  readonly file: File
  /** The file's place in what was dropped: "study/IM0001.dcm". */
  readonly path: string
}

export interface Sending {
  readonly answer: Promise<Result<Job>>
  abort(): void
}

/** Posts the files, and short texts beside them, as one multipart request. `onProgress` gets the bytes sent and the bytes of
 *  the whole request. */
export function sendFiles(
  url: string, files: readonly NamedFile[], onProgress: (sent: number, total: number) => void, texts: Readonly<Record<string, string>> = {},
): Sending {
  const request = new XMLHttpRequest()
  const answer = new Promise<Result<Job>>((settle) => {
    request.upload.onprogress = (event) => onProgress(event.loaded, event.total)
    request.onload = () => settle(readAnswer(request))
    request.onerror = () => settle({ error: problem(OFFLINE, 'The connection broke', 'The server stopped answering while files were sent.') })
    request.onabort = () => settle({ error: problem(ABORTED, 'Stopped', 'The upload was stopped.') })
  })
  const form = new FormData()
  for (const [name, text] of Object.entries(texts)) form.append(name, text)
  for (const { file, path } of files) form.append('files', file, path)
  request.open('POST', url)
  request.responseType = 'text'
  request.setRequestHeader('Accept', 'application/json')
  request.setRequestHeader('X-Sammed-CSRF', '1')
  request.send(form)
  return { answer, abort: () => request.abort() }
}

function readAnswer(request: XMLHttpRequest): Result<Job> {
  let body: unknown
  try {
    body = JSON.parse(request.responseText)
  } catch {
    body = null // a proxy's page, not ours: the status is all we know
  }
  if (request.status >= 200 && request.status < 300 && body !== null) return { data: body as Job }
  const stated = (body ?? {}) as Partial<Problem>
  const fallback = problem(`http_${request.status}`, request.statusText || 'The server refused the upload',
    `The server answered with status ${request.status}.`, request.status)
  return { error: typeof stated.code === 'string' ? { ...fallback, ...stated, status: request.status } : fallback }
}
