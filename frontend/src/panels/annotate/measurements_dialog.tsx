// What was measured on this series: go there, remove, take it all along as a file; and the figures of the labels.

import { useEffect, useState } from 'preact/hooks'
import type { Annotator } from '../../annotate/annotator.ts'
import type { LabelFiguresOut } from '../../api/types.ts'
import { formatMillilitres, formatNumber } from '../../i18n/format.ts'
import { language, t } from '../../i18n/text.ts'
import { linesOf } from '../../viewer/measuring.ts'
import { Dialog } from '../dialog.tsx'
import { Icon } from '../icon.tsx'

export function MeasurementsDialog({ annotator, onClose }: { annotator: Annotator; onClose: () => void }) {
  const text = t().measurements
  const { measurements, volume } = annotator
  const items = measurements.list.value
  function goTo(axis: number, slice: number): void {
    annotator.setAxis(axis as 0 | 1 | 2)
    annotator.setSlice(slice)
    onClose()
  }
  const footer = (
    <>
      <a class="button" href={measurements.files.csv} download><Icon name="download" />CSV</a>
      <a class="button" href={measurements.files.json} download="measurements.json"><Icon name="download" />JSON</a>
    </>
  )
  return (
    <Dialog title={text.title} onClose={onClose} footer={footer}>
      {items.length === 0 && <p class="soft">{text.empty}</p>}
      <ul class="measurements rows">
        {items.map(({ id, kind, axis, slice, figures, author, waiting }) => (
          <li key={id}>
            <button type="button" class="button quiet grow" onClick={() => goTo(axis, slice)}>
              {text.kinds[kind]} <b>{linesOf(figures, volume.unit, volume.sizesKnown).join(', ')}</b>
              <span class="faint">{t().annotate.slice} {slice + 1} · {waiting ? text.waiting : author.name}</span>
            </button>
            <button type="button" class="icon-button" aria-label={text.remove} title={text.remove} onClick={() => void measurements.remove(id)}><Icon name="trash" /></button>
          </li>
        ))}
      </ul>
      <LabelTable annotator={annotator} />
    </Dialog>
  )
}

function LabelTable({ annotator }: { annotator: Annotator }) {
  const text = t().measurements
  const [rows, setRows] = useState<readonly LabelFiguresOut[] | null | undefined>(undefined)
  useEffect(() => void annotator.measurements.labelFigures().then(setRows), [])
  const labels = new Map(annotator.labels.value.map((label) => [label.id, label]))
  const number = (value: number | undefined) => (value === undefined ? t().common.none : formatNumber(value, language.value, 1))
  if (rows === undefined) return <p class="soft"><span class="spinner" /> {t().common.loading}</p>
  if (rows === null) return <p class="soft">{text.unknown}</p>
  if (rows.length === 0) return null
  return (
    <table class="table label-figures">
      <thead><tr><th scope="col">{text.label}</th><th scope="col">{text.volume}</th><th scope="col">{text.mean}</th><th scope="col">{text.sd}</th><th scope="col">{text.range}</th></tr></thead>
      <tbody>
        {rows.map(({ label_id, figures }) => (
          <tr key={label_id}>
            <th scope="row"><span class="swatch" style={{ background: labels.get(label_id)?.color }} /> {labels.get(label_id)?.name}</th>
            <td>{formatMillilitres(figures['volume_ml'] ?? 0, language.value)}</td>
            <td>{number(figures['mean'])} {annotator.volume.unit}</td>
            <td>{number(figures['sd'])}</td>
            <td>{number(figures['minimum'])} – {number(figures['maximum'])}</td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}
