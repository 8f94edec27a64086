// The values of the visible slice as a hill, and the window as two handles in it: what is left of both is black, what is
// right of both white. The handles are sliders, so keys move them too; they stand above and below, so that one never covers
// the other.

import type { Windowed } from '../../annotate/annotator.ts'
import { formatNumber } from '../../i18n/format.ts'
import { language, t } from '../../i18n/text.ts'
import { ownKeys } from './own_keys.ts'

const WIDTH = 256
const HEIGHT = 56

export function WindowHistogram({ of }: { of: Windowed }) {
  const histogram = of.histogram.value
  if (histogram === null) return null
  const { low: least, high: most, counts } = histogram
  const { width, center } = of.window.value
  const ends = [center - width / 2, center + width / 2] as const
  const step = (most - least) / WIDTH
  const shown = (value: number) => `${formatNumber(value, language.value, step < 0.5 ? 2 : 0)} ${of.volume.unit}`.trim()
  const at = (value: number) => ((Math.min(most, Math.max(least, value)) - least) / (most - least)) * WIDTH
  const highest = Math.sqrt(Math.max(...counts))
  const hill = counts.map((count, n) => `L${(n / counts.length) * WIDTH} ${HEIGHT * (1 - Math.sqrt(count) / highest)}`).join('')
  const text = t().annotate

  function move(end: 0 | 1, value: number): void {
    const low = end === 0 ? Math.min(value, ends[1] - step) : ends[0]
    const high = end === 1 ? Math.max(value, ends[0] + step) : ends[1]
    of.setWindow({ width: high - low, center: (low + high) / 2 })
  }
  return (
    <div class="histogram">
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} aria-hidden="true">
        <path class="hill" d={`M0 ${HEIGHT}${hill}L${WIDTH} ${HEIGHT}Z`} />
        <rect class="inside" x={at(ends[0])} y="0" width={at(ends[1]) - at(ends[0])} height={HEIGHT} />
      </svg>
      {([0, 1] as const).map((end) => (
        <input key={end} class={end === 0 ? 'black' : 'white'} type="range" min={least} max={most} step={step} value={ends[end]} aria-label={end === 0 ? text.blackFrom : text.whiteFrom}
          aria-valuetext={shown(ends[end])} onKeyDown={ownKeys} onInput={(event) => move(end, event.currentTarget.valueAsNumber)} />
      ))}
      <div class="ends"><output>{shown(ends[0])}</output><output>{shown(ends[1])}</output></div>
    </div>
  )
}
