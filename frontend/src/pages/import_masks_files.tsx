// What was found in a file of masks, segment by segment with the label that each goes to; and what became of it.

import type { FoundSegment, MaskFileOutcome, MaskNeed } from '../api/mask_types.ts'
import type { Label, Problem } from '../api/types.ts'
import { formatMillilitres, formatNumber } from '../i18n/format.ts'
import { masksText } from '../i18n/masks_text.ts'
import { language } from '../i18n/text.ts'
import { Icon } from '../panels/icon.tsx'
import { keyOf, NEW, NOWHERE, type Choices, type Names } from '../panels/mask_choices.ts'
import { hrefTo } from './router.ts'

interface FoundFileProps {
  file: MaskFileOutcome
  name: string
  labels: readonly Label[]
  mayMakeLabels: boolean
  showSeries: boolean
  choices: Choices
  onChoices: (choices: Choices) => void
  names: Names
  onNames: (names: Names) => void
  allowed: ReadonlySet<MaskNeed['option']>
  onAllow: (option: MaskNeed['option'], on: boolean) => void
}

export function FoundFile({ file, name, labels, mayMakeLabels, showSeries, choices, onChoices, names, onNames, allowed, onAllow }: FoundFileProps) {
  const text = masksText()
  if (file.outcome === 'refused') return <RefusedFile file={file} name={name} />
  return (
    <section class="card mask-file" aria-label={name}>
      <header><Icon name="file" size={16} /><h3 class="ellipsis grow">{name}</h3>{showSeries && file.series && <span class="soft ellipsis">{text.onSeries(file.series)}</span>}<span class="tag">{FORMATS[file.format ?? ''] ?? file.format}</span></header>
      {file.needs?.map((need) => (
        <div key={`${need.option} ${need.detail}`} class="notice">
          <Icon name="warning" />
          <div>
            <h4>{need.title}</h4>
            <p>{need.detail}</p>
            {need.hint && <p class="hint">{need.hint}</p>}
            <OtherCase problem={need} />
            <label class="check"><input type="checkbox" checked={allowed.has(need.option)} onChange={(event) => onAllow(need.option, event.currentTarget.checked)} />{text.allow[need.option]}</label>
          </div>
        </div>
      ))}
      <table class="table compact">
        <thead>
          <tr><th scope="col">{text.columns.segment}</th><th scope="col" class="number tight">{text.columns.size}</th><th scope="col" class="number tight">{text.columns.slices}</th><th scope="col">{text.columns.label}</th></tr>
        </thead>
        <tbody>
          {file.segments?.map((segment) => (
            <SegmentRow key={segment.number} segment={segment} labels={labels} mayMakeLabels={mayMakeLabels}
              choice={choices.get(keyOf(file.file!, segment.number)) ?? NOWHERE}
              onChoice={(choice) => onChoices(new Map(choices).set(keyOf(file.file!, segment.number), choice))}
              newName={names.get(keyOf(file.file!, segment.number)) ?? segment.would_be.name}
              onNewName={(newName) => onNames(new Map(names).set(keyOf(file.file!, segment.number), newName))} />
          ))}
        </tbody>
      </table>
      {file.left_out && file.left_out.length > 0 && <p class="faint">{text.leftOut(file.left_out.join(', '))}</p>}
    </section>
  )
}

interface SegmentRowProps { segment: FoundSegment; labels: readonly Label[]; mayMakeLabels: boolean; choice: string; onChoice: (choice: string) => void; newName: string; onNewName: (name: string) => void }

function SegmentRow({ segment, labels, mayMakeLabels, choice, onChoice, newName, onNewName }: SegmentRowProps) {
  const text = masksText()
  const label = labels.find(({ id }) => id === choice)
  const color = choice === NEW ? segment.would_be.color : label?.color
  return (
    <tr>
      <th scope="row">
        <span class="segment-name">
          {segment.color && <span class="swatch" style={{ background: segment.color }} />}
          <span>{segment.name}</span>
          {segment.code && <code class="faint" title={segment.code.meaning}>{segment.code.scheme} {segment.code.value}</code>}
        </span>
      </th>
      <td class="number tight">{segment.slices > 0 ? formatMillilitres(segment.volume_ml, language.value) : <span class="faint">{text.empty}</span>}</td>
      <td class="number tight">{formatNumber(segment.slices, language.value)}</td>
      <td>
        <span class="segment-target">
          <span class="swatch" style={{ background: color ?? 'transparent' }} />
          <select class="select" aria-label={text.labelOf(segment.name)} value={choice} disabled={segment.slices === 0} onChange={(event) => onChoice(event.currentTarget.value)}>
            <option value={NOWHERE}>{text.nowhere}</option>
            {labels.map(({ id, name }) => <option key={id} value={id}>{name}</option>)}
            {mayMakeLabels && <option value={NEW}>{text.make}</option>}
          </select>
        </span>
        {choice === NEW && (
          <input class="input new-label-name" aria-label={text.newName(segment.name)} maxLength={64} value={newName} aria-invalid={newName.trim() === ''}
            onInput={(event) => onNewName(event.currentTarget.value)} />
        )}
      </td>
    </tr>
  )
}

export function StoredFile({ file, name }: { file: MaskFileOutcome; name: string }) {
  const text = masksText()
  if (file.outcome === 'left_out') return null
  if (file.outcome === 'refused') return <RefusedFile file={file} name={name} />
  return (
    <section class="card mask-file" aria-label={name} role="status">
      <header><Icon name="check" size={16} /><h3 class="ellipsis grow">{name}</h3></header>
      <ul class="stack-small">
        {file.labels?.map((label) => (
          <li key={label.label_id}>
            {label.slices.length > 0 ? text.done(label.label, label.slices.length) : `${label.label}: ${text.unchanged}`}
            {label.is_new && <span class="tag">{text.isNew}</span>}
            {label.kept.length > 0 && <span class="faint">{text.kept(label.kept.length)}</span>}
          </li>
        ))}
      </ul>
    </section>
  )
}

function RefusedFile({ file, name }: { file: MaskFileOutcome; name: string }) {
  const { problem } = file
  return (
    <section class="notice alert" aria-label={name}>
      <Icon name="warning" />
      <div>
        <h3>{name}</h3>
        {problem && <p>{problem.detail}</p>}
        {problem?.hint && <p class="hint">{problem.hint}</p>}
        {problem && <OtherCase problem={problem} />}
        <p class="faint">{masksText().refused}</p>
      </div>
    </section>
  )
}

/** The way to the case that a file was drawn on, where the server knows it. */
function OtherCase({ problem }: { problem: Problem }) {
  const caseId = problem.context?.case_id
  return typeof caseId === 'string' ? <p><a href={hrefTo.annotate(caseId)}>{masksText().otherCase}</a></p> : null
}

const FORMATS: Readonly<Record<string, string>> = { 'dicom-seg': 'DICOM SEG', rtstruct: 'RTSTRUCT', nifti: 'NIfTI', nrrd: 'NRRD' }
