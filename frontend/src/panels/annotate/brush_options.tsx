// What the brush and the eraser need to know, over the picture's corner while one of them is in hand: size, shape, manner,
// and a range of values outside of which nothing is drawn.

import { actionById } from '../../annotate/actions.ts'
import type { Annotator } from '../../annotate/annotator.ts'
import { BRUSH_SHAPES } from '../../annotate/drawing.ts'
import { formatNumber } from '../../i18n/format.ts'
import { language, t } from '../../i18n/text.ts'
import { radiusOfSlider, sliderOfRadius } from './brush_scale.ts'
import { keepFocus } from './action_button.tsx'
import { actionTip } from './action_text.ts'
import { ownKeys } from './own_keys.ts'

export function BrushOptions({ annotator }: { annotator: Annotator }) {
  const tool = annotator.tool.value
  if ((tool !== 'brush' && tool !== 'eraser') || !annotator.canPaint.value) return null
  const text = t().annotate, { drawing } = annotator
  const radius = annotator.brushRadiusMm.value
  const threshold = annotator.threshold.value
  return (
    <div class="brush-options">
      <label>
        <span>{text.brushSize}</span>
        <input type="range" min={0} max={100} step={1} value={sliderOfRadius(radius)} onKeyDown={ownKeys}
          onInput={(event) => annotator.setBrushRadiusMm(radiusOfSlider(event.currentTarget.valueAsNumber))} />
        <output>{formatNumber(2 * radius, language.value, radius < 5 ? 1 : 0)} {annotator.volume.sizesKnown ? 'mm' : 'px'}</output>
      </label>
      <span class="plane-switch" role="group" aria-label={text.brushShape} onMouseDown={keepFocus}>
        {BRUSH_SHAPES.map((shape) => (
          <button key={shape} type="button" aria-pressed={drawing.shape.value === shape && !drawing.followsEdges.value} title={text.brushShapeHints[shape]}
            onClick={() => drawing.setShape(shape)}>
            {text.brushShapes[shape]}
          </button>
        ))}
        {annotator.volume.channels === 1 && (
          <button type="button" aria-pressed={drawing.followsEdges.value} title={`${text.followEdgesHint} ${actionTip(actionById('edit.followEdges'))}`}
            onClick={() => drawing.setFollowsEdges(!drawing.followsEdges.value)}>
            {text.followEdges}
          </button>
        )}
      </span>
      {annotator.volume.channels === 1 && (
        <label title={text.thresholdHint}>
          <input type="checkbox" checked={threshold !== null}
            onChange={(event) => annotator.setThreshold(event.currentTarget.checked ? windowRange(annotator) : null)} />
          <span>{text.threshold}</span>
        </label>
      )}
      {threshold && (
        <span class="threshold">
          <Bound label={text.from} value={threshold[0]} onChange={(low) => annotator.setThreshold([low, Math.max(low, threshold[1])])} />
          <Bound label={text.to} value={threshold[1]} onChange={(high) => annotator.setThreshold([Math.min(threshold[0], high), high])} />
          {annotator.volume.unit}
        </span>
      )}
    </div>
  )
}

function Bound({ label, value, onChange }: { label: string; value: number; onChange: (value: number) => void }) {
  return (
    <input class="input bound" type="number" aria-label={label} value={Math.round(value * 100) / 100}
      onChange={(event) => { if (Number.isFinite(event.currentTarget.valueAsNumber)) onChange(event.currentTarget.valueAsNumber) }} />
  )
}

/** To begin with: what the window shows as grey. */
function windowRange(annotator: Annotator): readonly [number, number] {
  const { width, center } = annotator.window.value
  return [center - width / 2, center + width / 2]
}
