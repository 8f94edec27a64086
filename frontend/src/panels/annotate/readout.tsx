// Value and place under the pointer, in the corner of the picture that they are of. A component of its own: it changes with
// every movement.

import type { ReadonlySignal } from '@preact/signals-core'
import type { Cursor } from '../../annotate/annotator.ts'
import { formatNumber } from '../../i18n/format.ts'
import { language } from '../../i18n/text.ts'

export function Readout({ of }: { of: { readonly readout: ReadonlySignal<Cursor | null> } }) {
  const cursor = of.readout.value
  if (!cursor) return null
  const { voxel: [k, j, i], value } = cursor
  const number = (n: number) => formatNumber(n, language.value, Number.isInteger(n) ? 0 : 2)
  const shown = value === null ? '' : typeof value === 'number' ? `${number(value)} ${cursor.unit}` : value.join(' ')
  return (
    <output class="corner bottom-right readout" aria-live="off">
      <span>{shown}</span><span class="dim">({i}, {j}, {k})</span>
    </output>
  )
}
