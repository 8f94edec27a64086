// The models tab of a project: what was learned of its labels, from which slices, what it is worth and where it is in use.

import type { ComponentChildren } from 'preact'
import { useState } from 'preact/hooks'
import type { Network, Project } from '../api/project_types.ts'
import type { Label, LearnedPrompt, Page, Problem } from '../api/types.ts'
import { modelsTexts } from '../i18n/models_text.ts'
import { t } from '../i18n/text.ts'
import { ProblemNotice } from '../panels/problem_notice.tsx'
import { TableSkeleton } from '../panels/skeleton.tsx'
import { useApp } from './app_state.ts'
import { NetworkTable, PromptTable } from './model_tables.tsx'
import { may } from './permissions.ts'
import { usePaged, type Paged } from './use_paged.ts'

const A_PAGE = 50

export function ProjectModels({ project, onChanged }: { project: Project; onChanged: (project: Project) => void }) {
  const { api, session } = useApp()
  const text = modelsTexts()
  const [labelId, setLabelId] = useState<string | null>(null)
  const [problem, setProblem] = useState<Problem | null>(null)
  const base = `/api/projects/${project.id}`
  const useList = <T,>(name: string) => usePaged<T>((cursor, signal) =>
    api.get<Page<T>>(`${base}/${name}`, { query: { limit: A_PAGE, cursor, label_id: labelId }, signal }), [base, labelId])
  const prompts = useList<LearnedPrompt>('learned-prompts')
  const networks = useList<Network>('networks')

  async function use(prompt: LearnedPrompt, active: boolean): Promise<void> {
    const answer = await api.patch<LearnedPrompt>(`/api/learned-prompts/${prompt.id}`, { json: { active }, idempotent: true })
    setProblem(answer.error ?? null)
    if (!answer.error) await prompts.reload() // another one may have answered before
  }
  async function keep(prompt: LearnedPrompt, on: boolean): Promise<void> {
    const answer = await api.patch<Label>(`/api/labels/${prompt.label_id}`, { json: { warm_start_id: on ? prompt.id : null }, idempotent: true })
    setProblem(answer.error ?? null)
    if (answer.error) return
    onChanged({ ...project, labels: project.labels.map((label) => (label.id === answer.data.id ? answer.data : label)) })
    await prompts.reload()
  }

  return (
    <div class="stack tab-body models">
      <label class="models-filter">
        <span>{text.label}</span>
        <select class="select" value={labelId ?? ''} onChange={(event) => setLabelId(event.currentTarget.value || null)}>
          <option value="">{text.allLabels}</option>
          {project.labels.map((label) => <option key={label.id} value={label.id}>{label.name}</option>)}
        </select>
      </label>
      {problem && <ProblemNotice problem={problem} />}
      <Part title={text.prompts} help={text.promptsHelp} none={text.noPrompts} paged={prompts}>
        {(items) => (
          <PromptTable prompts={items} labels={project.labels} meId={session.me.value?.id ?? null}
            mayUse={may(project.role, 'annotate') && !project.archived} mayKeep={may(project.role, 'manage') && !project.archived}
            onUse={(prompt, on) => void use(prompt, on)} onKeep={(prompt, on) => void keep(prompt, on)} />
        )}
      </Part>
      <Part title={text.networks} help={text.networksHelp} none={text.noNetworks} paged={networks}>
        {(items) => <NetworkTable networks={items} labels={project.labels} />}
      </Part>
    </div>
  )
}

interface PartProps<T> {
  title: string
  help: string
  none: string
  paged: Paged<T>
  children: (items: readonly T[]) => ComponentChildren
}

function Part<T>({ title, help, none, paged, children }: PartProps<T>) {
  return (
    <section class="stack" aria-label={title}>
      <div class="titles"><h2>{title}</h2><p class="soft">{help}</p></div>
      {paged.problem && <ProblemNotice problem={paged.problem} onRetry={paged.reload} />}
      {!paged.items && !paged.problem && <TableSkeleton rows={3} />}
      {paged.items?.length === 0 && <p class="card pad soft">{none}</p>}
      {paged.items && paged.items.length > 0 && children(paged.items)}
      {paged.more && <button type="button" class="button more" disabled={paged.loadingMore} onClick={() => void paged.loadMore()}>{t().common.loadMore}</button>}
    </section>
  )
}
