// A project's policy of de-identification, and the key of its pseudonyms for those who may look.

import { useId, useState } from 'preact/hooks'
import type { Identity, Privacy, Project } from '../api/project_types.ts'
import type { Problem } from '../api/types.ts'
import { privacy } from '../i18n/privacy_text.ts'
import { Icon } from '../panels/icon.tsx'
import { ProblemNotice } from '../panels/problem_notice.tsx'
import { useApp } from './app_state.ts'
import { PrivacyChoice } from './privacy_choice.tsx'

export function ProjectPrivacy({ project, onChoose }: { project: Project; onChoose: (policy: Privacy) => void }) {
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
      <PrivacyChoice value={project.privacy} disabled={project.archived} onChange={onChoose} />
      <p class="soft">{text.stays}</p>
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
