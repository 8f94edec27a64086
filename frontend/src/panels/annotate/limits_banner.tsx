// What limits drawing just now, over the picture as long as it does: nobody must wonder why a stroke leaves no trace. Each
// limit is ended where it is read.

import type { Annotator } from '../../annotate/annotator.ts'
import { formatNumber } from '../../i18n/format.ts'
import { language, t } from '../../i18n/text.ts'
import { Icon } from '../icon.tsx'
import { keepFocus } from './action_button.tsx'

export function LimitsBanner({ annotator }: { annotator: Annotator }) {
  const text = t().annotate
  const { drawing } = annotator
  const inside = annotator.labels.value.find(({ id }) => id === drawing.inside.value)
  const range = annotator.threshold.value
  const exclusive = drawing.exclusive.value && !drawing.alwaysExclusive
  if (!annotator.canPaint.value || (!inside && range === null && !exclusive)) return null
  const number = (value: number) => formatNumber(value, language.value, Number.isInteger(value) ? 0 : 2)
  return (
    <div class="limits" role="status" onMouseDown={keepFocus}>
      {inside && <Limit words={text.limitInside(inside.name)} end={() => drawing.setInside(null)} />}
      {range && <Limit words={text.limitRange(number(range[0]), number(range[1]), annotator.volume.unit)} end={() => annotator.setThreshold(null)} />}
      {exclusive && <Limit words={text.limitExclusive} end={() => drawing.setExclusive(false)} />}
    </div>
  )
}

function Limit({ words, end }: { words: string; end: () => void }) {
  const label = t().annotate.endLimit(words)
  return <span>{words}<button type="button" class="icon-button small" aria-label={label} title={label} onClick={end}><Icon name="close" size={16} /></button></span>
}
