// A project's policy of de-identification, and the key of its pseudonyms for those who may look.

import { useId, useState } from 'preact/hooks'
import type { Identity, Privacy, Project } from '../api/project_types.ts'
import type { Problem } from '../api/types.ts'
import { privacy } from '../i18n/privacy_text.ts'
import { Icon } from '../panels/icon.tsx'
import { ProblemNotice } from '../panels/problem_notice.tsx'
import { useApp } from './app_state.ts'
import { PrivacyChoice } from './privacy_choice.tsx'

export function ProjectPrivacy({ project, onChange }: { project: Project; onChange: (changes: { privacy?: Privacy; keep_originals?: boolean }) => void }) {
  const { api } = useApp()
  const text = privacy()
  const [pseudonym, setPseudonym] = useState('')
  const [found, setFound] = useState<Identity | null>(null)
  const [problem, setProblem] = useState<Problem | null>(null)
  const id = useId()
  const path = `/api/projects/${project.id}/pseudonyms`

  async function lookUp(event: Event): Promise<void> {
    event.preventDefault()
    const answer = await api.post<Identity>(`${path}/look-up`, { json: { pseudonym: pseudonym.trim() } })
    setProblem(answer.error ?? null)
    setFound(answer.data ?? null)
  }
  const names: Readonly<Record<string, string>> = text.names
  return (
    <section class="card pad stack">
      <h2>{text.title}</h2>
      <PrivacyChoice value={project.privacy} disabled={project.archived} onChange={(policy) => onChange({ privacy: policy })} />
      <p class="soft">{text.stays}</p>
      <label class="check">
        <input type="checkbox" checked={project.keep_originals} disabled={project.archived} aria-describedby={`${id}k`}
          onChange={(event) => onChange({ keep_originals: event.currentTarget.checked })} />
        {text.keep}
      </label>
      <p id={`${id}k`} class="soft">{text.keepHint}</p>
      <h3>{text.keyTitle}</h3>
      <p class="soft">{text.keyHint}</p>
      {problem && <ProblemNotice problem={problem} />}
      <form class="look-up" onSubmit={lookUp}>
        <input id={id} class="input" required maxLength={64} value={pseudonym} aria-label={text.pseudonym} placeholder="P-7K3F2Q9ABC"
          onInput={(event) => setPseudonym(event.currentTarget.value)} />
        <button class="button">{text.lookUp}</button>
        <a class="button" href={`${path}.csv`} download><Icon name="download" />{text.download}</a>
      </form>
      {found && (
        <div role="status">
          <dl class="facts">
            {Object.entries(found.values).map(([name, value]) => <div key={name}><dt>{names[name] ?? name}</dt><dd>{value}</dd></div>)}
          </dl>
        </div>
      )}
    </section>
  )
}
