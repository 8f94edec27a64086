// The windows of a project, by kind of images: which one series are opened with, and its own presets.

import { useId, useState } from 'preact/hooks'
import type { ModalityWindows, Project, ProjectWindows } from '../api/project_types.ts'
import { t } from '../i18n/text.ts'
import { windows as texts } from '../i18n/windows_text.ts'
import { presetName } from '../panels/annotate/preset_key.ts'
import { Icon } from '../panels/icon.tsx'
import { useApp } from './app_state.ts'
import { choicesOf, clash, drafted, MODALITIES, stored, type WindowDraft } from './window_drafts.ts'

interface ProjectWindowsProps {
  project: Project
  /** Stores all windows of the project; false when the server refused, which the page shows. */
  onChange: (windows: ProjectWindows) => Promise<boolean>
}

export function ProjectWindows({ project, onChange }: ProjectWindowsProps) {
  const { toasts } = useApp()
  const text = texts()
  const [modality, setModality] = useState(Object.keys(project.windows)[0] ?? MODALITIES[0]!)
  const kept: ModalityWindows | undefined = project.windows[modality]
  const [draft, setDraft] = useState<WindowDraft>(drafted(kept))
  const id = useId()
  const twice = clash(draft)

  function choose(next: string): void {
    setModality(next)
    setDraft(drafted(project.windows[next]))
  }
  const set = (n: number, change: Partial<WindowDraft['presets'][number]>) =>
    setDraft({ ...draft, presets: draft.presets.map((preset, at) => (at === n ? { ...preset, ...change } : preset)) })

  async function save(event: Event): Promise<void> {
    event.preventDefault()
    const { [modality]: _, ...others } = project.windows
    const next = stored(draft)
    if (await onChange(next === null ? others : { ...others, [modality]: next })) toasts.say(text.saved(modality))
  }
  return (
    <form class="card pad stack" onSubmit={save} aria-labelledby={`${id}t`}>
      <h2 id={`${id}t`}>{text.title}</h2>
      <p class="soft">{text.hint}</p>
      <div class="two-fields">
        <div class="field">
          <label class="name" for={`${id}m`}>{text.modality}</label>
          <select id={`${id}m`} class="select" value={modality} onChange={(event) => choose(event.currentTarget.value)}>
            {[...new Set([...MODALITIES, ...Object.keys(project.windows)])].map((each) => <option key={each} value={each}>{each}</option>)}
          </select>
        </div>
        <div class="field">
          <label class="name" for={`${id}f`}>{text.openedWith}</label>
          <select id={`${id}f`} class="select" value={draft.first} disabled={project.archived}
            onChange={(event) => setDraft({ ...draft, first: event.currentTarget.value })}>
            <option value="">{text.asStored}</option>
            {choicesOf(modality, draft).map((name) => <option key={name} value={name}>{presetName({ name, width: 0, center: 0 })}</option>)}
          </select>
        </div>
      </div>
      {draft.presets.length > 0 && (
        <table class="table window-table">
          <thead><tr><th>{text.name}</th><th>{text.width}</th><th>{text.level}</th><th><span class="visually-hidden">{t().project.columns.actions}</span></th></tr></thead>
          <tbody>
            {draft.presets.map((preset, n) => (
              <tr key={n}>
                <td><input class="input" required maxLength={60} aria-label={text.name} placeholder={text.namePlaceholder} value={preset.name} disabled={project.archived} onInput={(event) => set(n, { name: event.currentTarget.value })} /></td>
                <td><input class="input" required type="number" step="any" min="0.000001" aria-label={text.width} value={preset.width} disabled={project.archived} onInput={(event) => set(n, { width: event.currentTarget.value })} /></td>
                <td><input class="input" required type="number" step="any" aria-label={text.level} value={preset.center} disabled={project.archived} onInput={(event) => set(n, { center: event.currentTarget.value })} /></td>
                <td class="tight">
                  <button type="button" class="icon-button" aria-label={text.remove(preset.name)} title={text.remove(preset.name)} disabled={project.archived}
                    onClick={() => setDraft({ ...draft, presets: draft.presets.toSpliced(n, 1) })}><Icon name="trash" /></button>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {twice && <div class="field"><p class="wrong" role="alert">{text.clash}</p></div>}
      <div class="actions-row">
        <button type="button" class="button" disabled={project.archived || draft.presets.length >= 12}
          onClick={() => setDraft({ ...draft, presets: [...draft.presets, { name: '', width: '400', center: '40' }] })}>
          <Icon name="plus" />{text.add}
        </button>
        <button class="button" disabled={project.archived || twice || JSON.stringify(drafted(kept)) === JSON.stringify(draft)}>{text.save}</button>
      </div>
    </form>
  )
}
