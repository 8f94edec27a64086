// The labels at the right: choose, hide, see how much is outlined; and how masks are shown.

import { useEffect, useRef } from 'preact/hooks'
import type { Annotator, LabelState } from '../../annotate/annotator.ts'
import { actionById } from '../../annotate/actions.ts'
import { formatExtent } from '../../i18n/format.ts'
import { language, t } from '../../i18n/text.ts'
import { Icon } from '../icon.tsx'
import { keepFocus } from './action_button.tsx'
import { actionTip } from './action_text.ts'
import { ownKeys } from './own_keys.ts'
import { Swatch } from './swatch.tsx'

export interface LabelsPanelProps {
  annotator: Annotator
  /** null for people who may not change the project's labels. */
  onAdd: (() => void) | null
  onHistory: (label: LabelState) => void
}

export function LabelsPanel({ annotator, onAdd, onHistory }: LabelsPanelProps) {
  const text = t().annotate
  const labels = annotator.labels.value
  const shown = annotator.masksVisible.value
  return (
    <section class="side-section labels-section" aria-label={text.labels} onMouseDown={keepFocus}>
      <header>
        <h2>{text.labels}</h2>
        {onAdd && <button type="button" class="icon-button" aria-label={text.addLabel} title={actionTip(actionById('labels.add'))} onClick={onAdd}><Icon name="plus" /></button>}
      </header>
      {labels.length === 0
        ? (
          <div class="no-labels">
            <h3>{text.noLabelTitle}</h3>
            <p class="soft">{onAdd ? text.noLabelDetail : text.noLabelReadOnly}</p>
            {onAdd && <button type="button" class="button primary" onClick={onAdd}><Icon name="plus" />{text.addLabel}</button>}
          </div>
        )
        : (
          <ul class="label-list">
            {labels.map((label, index) => <LabelItem key={label.id} label={label} digit={label.shortcut ?? placeDigit(labels, index)} annotator={annotator} onHistory={onHistory} />)}
          </ul>
        )}
      <div class="mask-display">
        <button type="button" class="icon-button" aria-pressed={shown} title={actionTip(actionById('labels.toggle'))} aria-label={text.masks}
          onClick={() => annotator.setMasksVisible(!shown)}>
          <Icon name={shown ? 'eye' : 'hidden'} />
        </button>
        <label>
          <span>{text.opacity}</span>
          <input type="range" min={0} max={100} step={5} value={Math.round(annotator.opacity.value * 100)} onKeyDown={ownKeys}
            onInput={(event) => annotator.setOpacity(event.currentTarget.valueAsNumber / 100)} />
          <output>{Math.round(annotator.opacity.value * 100)} %</output>
        </label>
        <button type="button" class="icon-button patterns" aria-pressed={annotator.patterns.value} title={actionTip(actionById('labels.patterns'))} aria-label={text.patterns}
          onClick={() => annotator.setPatterns(!annotator.patterns.value)}>
          <Icon name="pattern" />
        </button>
      </div>
    </section>
  )
}

function LabelItem({ label, digit, annotator, onHistory }: { label: LabelState; digit: string | null; annotator: Annotator; onHistory: (label: LabelState) => void }) {
  const text = t().annotate
  const toggle = label.visible ? text.hide(label.name) : text.show(label.name)
  const slices = text.labelSlices(label.slices)
  const item = useRef<HTMLLIElement>(null)
  useEffect(() => { // a key may choose one that is scrolled away
    if (label.active) item.current!.scrollIntoView({ block: 'nearest' })
  }, [label.active])
  return (
    <li ref={item} class={label.active ? 'label-item active' : 'label-item'}>
      <button type="button" class="label-choose" aria-pressed={label.active} onClick={() => annotator.setActiveLabel(label.id)}>
        <Swatch label={label} />
        <kbd class={digit ? '' : 'none'}>{digit ?? ''}</kbd>
        <span class="label-name ellipsis" title={label.name}>{label.name}</span>
        <span class="label-volume" title={slices}>{label.voxels > 0 ? formatExtent(label, annotator.volume.sizesKnown, language.value) : <span class="faint">{t().common.none}</span>}</span>
      </button>
      <button type="button" class="icon-button small hole" aria-label={text.holes(label.holes.length)} title={text.holes(label.holes.length)} disabled={label.holes.length === 0}
        onClick={() => goToHole(annotator, label)}>
        <Icon name="warning" size={16} />
      </button>
      <button type="button" class="icon-button small" aria-label={text.historyOf(label.name)} title={text.historyOf(label.name)} disabled={label.voxels === 0 && label.slices === 0}
        onClick={() => onHistory(label)}>
        <Icon name="history" size={16} />
      </button>
      <button type="button" class="icon-button small" aria-label={toggle} title={toggle} onClick={() => annotator.setLabelVisible(label.id, !label.visible)}>
        <Icon name={label.visible ? 'eye' : 'hidden'} size={16} />
      </button>
    </li>
  )
}

/** The next empty slice after the visible one, from the first again after the last. */
function goToHole(annotator: Annotator, { id, holes }: LabelState): void {
  annotator.setActiveLabel(id)
  const current = annotator.axis.value === 0 ? annotator.slice.value : -1
  annotator.lookAt(holes.find((slice) => slice > current) ?? holes[0])
}

/** The digit of a label without a key of its own: its place, unless another label asked for that digit. */
function placeDigit(labels: readonly LabelState[], index: number): string | null {
  const digit = String(index + 1)
  return index < 9 && !labels.some((label) => label.shortcut === digit) ? digit : null
}
