// The open annotate page: tools left, picture in the middle, labels and assistant right, slices below, and its dialogs.

import { useEffect, useState } from 'preact/hooks'
import type { Annotator, LabelState, PageCommands } from '../../annotate/annotator.ts'
import type { Client } from '../../api/client.ts'
import type { Project } from '../../api/project_types.ts'
import type { Label } from '../../api/types.ts'
import { t } from '../../i18n/text.ts'
import { Icon } from '../icon.tsx'
import { onDemand } from '../on_demand.tsx'
import { AssistantPanel } from './assistant_panel.tsx'
import { LabelsPanel } from './labels_panel.tsx'
import { LearningPanel } from './learning_panel.tsx'
import { PictureArea } from './picture_area.tsx'
import { SliceStrip } from './slice_strip.tsx'
import { ToolRail } from './tool_rail.tsx'

const AddLabelDialog = onDemand(async () => (await import('./add_label_dialog.tsx')).AddLabelDialog)
const loadPalette = async () => (await import('./command_palette.tsx')).CommandPalette
const CommandPalette = onDemand(loadPalette)
const HelpDialog = onDemand(async () => (await import('./help_dialog.tsx')).HelpDialog)
const KeysDialog = onDemand(async () => (await import('./keys_dialog.tsx')).KeysDialog)
const MeasurementsDialog = onDemand(async () => (await import('./measurements_dialog.tsx')).MeasurementsDialog)
const TextRiskWarning = onDemand(async () => (await import('../text_risk.tsx')).TextRiskWarning)
const HistoryDialog = onDemand(async () => (await import('./history_dialog.tsx')).HistoryDialog)

export type AnnotateDialog = 'measurements' | 'help' | 'palette' | 'keys' | 'add_label'

export interface AnnotateViewProps {
  api: Client
  annotator: Annotator
  page: PageCommands
  project: Project
  mayAnnotate: boolean
  /** What is drawn are corrections of somebody else's masks: nothing is learned from them. */
  correcting: boolean
  mayAddLabels: boolean
  /** A label was added to the project. */
  onLabels: (labels: readonly Label[]) => void
  /** Where text in the pixels is made blank, for those who may. */
  blankHref: string | null
  /** No worker process answers clicks. */
  workerless: boolean
  dialog: AnnotateDialog | null
  onDialog: (dialog: AnnotateDialog | null) => void
}

export function AnnotateView({ api, annotator, page, project, mayAnnotate, correcting, mayAddLabels, onLabels, blankHref, workerless, dialog, onDialog }: AnnotateViewProps) {
  const [labels, setLabels] = useState<readonly Label[]>(project.labels)
  const [history, setHistory] = useState<LabelState | null>(null)

  useEffect(() => { // it is typed into at once: fetched before it is wanted
    const idle = requestIdleCallback(() => void loadPalette().catch(() => {}))
    return () => cancelIdleCallback(idle)
  }, [])

  function added(label: Label): void {
    const next = [...labels, label]
    setLabels(next)
    onLabels(next)
    annotator.setLabels(next)
    annotator.setActiveLabel(label.id)
    onDialog(null)
  }
  return (
    <div class="annotate">
      <ToolRail annotator={annotator} page={page} mayAnnotate={mayAnnotate} />
      <PictureArea annotator={annotator} page={page} mayManage={mayAddLabels} />
      <aside class="side-panel">
        <LabelsPanel annotator={annotator} onAdd={mayAddLabels ? () => onDialog('add_label') : null} onHistory={setHistory} />
        {annotator.volume.textRisk !== null && <TextRiskWarning risk={annotator.volume.textRisk} href={blankHref} />}
        <Warnings annotator={annotator} />
        {mayAnnotate && !correcting && <LearningPanel annotator={annotator} page={page} mayKeep={mayAddLabels} />}
        <AssistantPanel annotator={annotator} page={page} mayAnnotate={mayAnnotate} workerless={workerless} />
      </aside>
      <SliceStrip annotator={annotator} />
      {dialog === 'help' && <HelpDialog onKeys={() => onDialog('keys')} onClose={() => onDialog(null)} />}
      {dialog === 'palette' && <CommandPalette annotator={annotator} page={page} onClose={() => onDialog(null)} />}
      {dialog === 'keys' && <KeysDialog api={api} annotator={annotator} onClose={() => onDialog(null)} />}
      {dialog === 'add_label' && <AddLabelDialog api={api} projectId={project.id} labels={labels} onClose={() => onDialog(null)} onAdded={added} />}
      {dialog === 'measurements' && <MeasurementsDialog annotator={annotator} onClose={() => onDialog(null)} />}
      {history && <HistoryDialog annotator={annotator} label={history} onClose={() => setHistory(null)} />}
    </div>
  )
}

function Warnings({ annotator }: { annotator: Annotator }) {
  const { warnings } = annotator.volume
  if (warnings.length === 0) return null
  return (
    <details class="side-section warnings">
      <summary><Icon name="warning" size={16} />{t().annotate.warnings(warnings.length)}</summary>
      <ul>{warnings.map((warning) => <li key={warning}>{warning}</li>)}</ul>
    </details>
  )
}
