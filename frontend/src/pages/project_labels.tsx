// The labels of a project: add, rename, recolour, give a key, delete. Every change is sent at once; what the server
// refuses (a label in use) is said beside the label.

import { useId, useState } from 'preact/hooks'
import type { LabelIn, Project } from '../api/project_types.ts'
import type { Label, Page, Problem } from '../api/types.ts'
import { labelSetTexts } from '../i18n/label_sets_text.ts'
import { language, t } from '../i18n/text.ts'
import { AnatomySearch } from '../panels/anatomy_search.tsx'
import { Icon } from '../panels/icon.tsx'
import { draftByHand, draftFromAnatomy, toLabelIn } from '../panels/label_drafts.ts'
import { LabelFields, PaletteList } from '../panels/label_editor.tsx'
import { useApp } from './app_state.ts'
import { LabelDetails } from './label_details.tsx'
import { LabelSetMenu, LabelVersions } from './label_sets.tsx'
import { may } from './permissions.ts'

export function ProjectLabels({ project, onChanged }: { project: Project; onChanged: (project: Project) => void }) {
  const { api } = useApp()
  const text = t().labels
  const [problem, setProblem] = useState<{ labelId: string | null; problem: Problem } | null>(null)
  const sets = labelSetTexts()
  const id = useId()
  const [detailed, setDetailed] = useState<Label | null>(null)
  const { labels } = project
  const edits = may(project.role, 'manage') && !project.archived
  const put = (next: readonly Label[], exclusive = project.exclusive_labels) => {
    setProblem(null)
    onChanged({ ...project, labels: next, exclusive_labels: exclusive, label_set_version: project.label_set_version + 1 })
  }

  async function add(label: LabelIn): Promise<void> {
    const answer = await api.post<Label>(`/api/projects/${project.id}/labels`, { json: label })
    if (answer.error) setProblem({ labelId: null, problem: answer.error })
    else put([...labels, answer.data])
  }
  async function change(label: Label, part: Partial<LabelIn>): Promise<void> {
    const answer = await api.patch<Label>(`/api/labels/${label.id}`, { json: part })
    if (answer.error) {
      setProblem({ labelId: label.id, problem: answer.error })
      onChanged({ ...project, labels: [...labels] })
    } else put(labels.map((other) => (other.id === label.id ? answer.data : other)))
  }
  /** The key may be in use: the label that has it gives it up first. */
  async function giveKey(label: Label, shortcut: string | null): Promise<void> {
    const holder = shortcut === null ? undefined : labels.find((other) => other.shortcut === shortcut && other.id !== label.id)
    if (!holder) return change(label, { shortcut })
    const freed = await api.patch<Label>(`/api/labels/${holder.id}`, { json: { shortcut: null } })
    if (freed.error) return setProblem({ labelId: label.id, problem: freed.error })
    const answer = await api.patch<Label>(`/api/labels/${label.id}`, { json: { shortcut } })
    if (answer.error) return setProblem({ labelId: label.id, problem: answer.error })
    put(labels.map((other) => (other.id === label.id ? answer.data : other.id === holder.id ? freed.data : other)))
  }
  async function remove(label: Label): Promise<void> {
    const answer = await api.delete<void>(`/api/labels/${label.id}`)
    if (answer.error) setProblem({ labelId: label.id, problem: answer.error })
    else put(labels.filter((other) => other.id !== label.id))
  }
  async function move(index: number, step: -1 | 1): Promise<void> {
    const ids = labels.map(({ id }) => id)
    ids.splice(index + step, 0, ...ids.splice(index, 1))
    const answer = await api.put<Page<Label>>(`/api/projects/${project.id}/labels/order`, { json: { label_ids: ids } })
    if (answer.error) setProblem({ labelId: null, problem: answer.error })
    else put(answer.data.items)
  }
  async function exclude(exclusive: boolean): Promise<void> {
    const answer = await api.patch<Project>(`/api/projects/${project.id}`, { json: { exclusive_labels: exclusive } })
    if (answer.error) setProblem({ labelId: null, problem: answer.error })
    onChanged(answer.data ?? { ...project, labels: [...labels] })
  }
  async function save(label: Label, changes: Pick<Label, 'group' | 'rules'>): Promise<Problem | null> {
    const answer = await api.patch<Label>(`/api/labels/${label.id}`, { json: changes })
    if (answer.data) put(labels.map((other) => (other.id === label.id ? answer.data : other)))
    return answer.error ?? null
  }

  return (
    <div class="stack tab-body">
      {edits
        ? (
          <div class="label-add">
            <AnatomySearch onAnatomy={(anatomy) => void add(toLabelIn(draftFromAnatomy(anatomy, language.value, labels)))}
              onOwn={(name) => void add(toLabelIn(draftByHand(name, labels)))} />
            <button type="button" class="button" onClick={() => void add(toLabelIn(draftByHand(freeName(labels, text.ownName), labels)))}>
              <Icon name="plus" />{text.own}
            </button>
            <LabelSetMenu project={project} edits onLabels={put} onProblem={(refused) => setProblem({ labelId: null, problem: refused })} />
          </div>
        )
        : (
          <div class="label-add">
            <p class="soft">{text.readOnly}</p>
            <LabelSetMenu project={project} edits={false} onLabels={put} onProblem={(refused) => setProblem({ labelId: null, problem: refused })} />
          </div>
        )}
      {problem?.labelId === null && <p class="field-problem" role="alert">{sentence(problem.problem)}</p>}
      {labels.length === 0
        ? <div class="empty card"><Icon name="tag" size={40} /><h2>{text.emptyTitle}</h2><p>{text.emptyDetail}</p></div>
        : (
          <div class="card">
            <div class="label-row head" aria-hidden="true">
              <span /><span>{text.name}</span><span>{text.key}</span><span>{text.code}</span><span>{sets.group}</span><span title={text.valueHint}>{text.value}</span><span />
            </div>
            <ul class="label-rows">
              {labels.map((label, index) => (
                <li key={label.id}>
                  <div class="label-row">
                    <LabelFields label={label} disabled={!edits} onColor={(color) => void change(label, { color })}
                      onName={(name) => void change(label, { name: name.trim() })} onShortcut={(shortcut) => void giveKey(label, shortcut)} />
                    <span class="soft ellipsis" title={label.group}>{label.group}</span>
                    <span class="soft" title={text.valueHint}>{label.value}</span>
                    {edits
                      ? <span class="label-actions">
                        <button type="button" class="icon-button" aria-label={sets.up(label.name)} title={sets.up(label.name)} disabled={index === 0} onClick={() => void move(index, -1)}><Icon name="up" /></button>
                        <button type="button" class="icon-button" aria-label={sets.down(label.name)} title={sets.down(label.name)} disabled={index === labels.length - 1} onClick={() => void move(index, 1)}><Icon name="down" /></button>
                        <button type="button" class="icon-button" aria-label={sets.details(label.name)} title={sets.details(label.name)} onClick={() => setDetailed(label)}><Icon name="settings" /></button>
                        <button type="button" class="icon-button" aria-label={text.remove(label.name)} title={text.remove(label.name)} onClick={() => void remove(label)}><Icon name="trash" /></button>
                      </span>
                      : <span />}
                  </div>
                  {problem?.labelId === label.id && <p class="field-problem" role="alert">{sentence(problem.problem)}</p>}
                </li>
              ))}
            </ul>
          </div>
        )}
      <section class="card pad stack-small">
        <label class="check">
          <input type="checkbox" checked={project.exclusive_labels} disabled={!edits} aria-describedby={`${id}x`}
            onChange={(event) => void exclude(event.currentTarget.checked)} />
          {sets.exclusive}
        </label>
        <p id={`${id}x`} class="soft">{sets.exclusiveHint}</p>
      </section>
      <LabelVersions project={project} />
      {detailed && (
        <LabelDetails label={detailed} groups={[...new Set(labels.map(({ group }) => group).filter(Boolean))]}
          onSave={(changes) => save(detailed, changes)} onClose={() => setDetailed(null)} />
      )}
      <PaletteList />
    </div>
  )
}

function freeName(labels: readonly Label[], name: (n: number) => string): string {
  let n = labels.length + 1
  while (labels.some((label) => label.name === name(n))) n += 1
  return name(n)
}

function sentence({ title, detail, hint }: Problem): string {
  return [`${title}:`, detail, hint].filter(Boolean).join(' ')
}
