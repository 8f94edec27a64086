// The rectangles as numbers: each can be typed, chosen and removed, so that none needs a pointer.

import { blanking } from '../../i18n/blanking_text.ts'
import type { SliceShape } from '../../viewer/camera.ts'
import { Icon } from '../icon.tsx'
import { boxBetween, firstBox, MOST_BOXES, type Box } from './boxes.ts'

const SIDES = ['left', 'top', 'right', 'bottom'] as const

interface BoxListProps {
  boxes: readonly Box[]
  chosen: number
  shape: SliceShape
  onBoxes: (boxes: readonly Box[], chosen: number) => void
}

export function BoxList({ boxes, chosen, shape, onBoxes }: BoxListProps) {
  const text = blanking()
  function typed(index: number, side: (typeof SIDES)[number], value: number): void {
    if (!Number.isFinite(value)) return
    const box = { ...boxes[index]!, [side]: value }
    onBoxes(boxes.with(index, boxBetween([box.left, box.top], [box.right, box.bottom], shape)), index)
  }
  return (
    <fieldset class="blank-boxes">
      <legend>{text.boxes}</legend>
      {boxes.length === 0 && <p class="faint">{text.none}</p>}
      {boxes.map((box, index) => (
        <div key={index} class={index === chosen ? 'blank-box chosen' : 'blank-box'} role="group" aria-label={text.box(index + 1)} onFocusIn={() => onBoxes(boxes, index)}>
          {SIDES.map((side) => (
            <label key={side}><span>{text.fields[side]}</span>
              <input class="input" type="number" min={0} max={side === 'left' || side === 'right' ? shape.columns - 1 : shape.rows - 1} value={box[side]}
                onChange={(event) => typed(index, side, event.currentTarget.valueAsNumber)} />
            </label>
          ))}
          <button type="button" class="icon-button small" aria-label={text.remove(index + 1)} title={text.remove(index + 1)}
            onClick={() => onBoxes(boxes.filter((_, other) => other !== index), -1)}><Icon name="close" size={16} /></button>
        </div>
      ))}
      <button type="button" class="button" disabled={boxes.length >= MOST_BOXES} onClick={() => onBoxes([...boxes, firstBox(shape)], boxes.length)}><Icon name="plus" />{text.add}</button>
    </fieldset>
  )
}
