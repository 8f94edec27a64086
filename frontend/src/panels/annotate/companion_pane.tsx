// Another series of the case beside the annotated one: its picture, its window, and what keeps it from showing the place.

import { useLayoutEffect, useRef } from 'preact/hooks'
import type { Companion } from '../../annotate/companions.ts'
import { formatNumber } from '../../i18n/format.ts'
import { language, t } from '../../i18n/text.ts'
import { PLANE_COLORS } from '../../viewer/overlay.ts'
import { PictureStateView } from './picture_state.tsx'
import { Readout } from './readout.tsx'
import { WindowMenu } from './window_menu.tsx'

/** Slices that lean less are as good as parallel. */
const LEAST_TILT_DEGREES = 1

export function CompanionPane({ companion }: { companion: Companion }) {
  const picture = useRef<HTMLCanvasElement>(null)
  const overlay = useRef<HTMLCanvasElement>(null)
  useLayoutEffect(() => companion.attach({ picture: picture.current!, overlay: overlay.current! }), [companion])
  const text = t().annotate
  const plane = companion.plane.value
  const place = text.sliceOf(companion.slice.value + 1, companion.sliceCount.value)
  const beyond = companion.beyondMm.value, tilt = companion.tiltDegrees.value
  return (
    <div class={beyond > 0 ? 'pane companion out-of-reach' : 'pane companion'}>
      <canvas ref={picture} aria-hidden="true" />
      <canvas ref={overlay} tabIndex={0} role="img" aria-label={`${companion.volume.name}, ${text[plane]}, ${text.slice} ${place}`} />
      <div class="corner top-left pane-notes">
        <div class="pane-name in-row" style={{ '--plane': PLANE_COLORS[plane] }}><b>{companion.volume.name}</b> {companion.volume.modality} {place}</div>
        {tilt >= LEAST_TILT_DEGREES && <div class="pane-note" title={text.tiltedHint}>{text.tilted(formatNumber(tilt, language.value, 0))}</div>}
        {!companion.linked && <div class="pane-note" title={text.notLinkedHint}>{text.notLinked}</div>}
        {companion.elsewhere && <div class="pane-note alert">{text.otherFrame}</div>}
      </div>
      <div class="corner top-right"><WindowMenu of={companion} keys={false} onOpenWith={null} /></div>
      {beyond === 0 && <Readout of={companion} />}
      {beyond > 0
        ? <p class="beyond" role="status">{text.beyond(formatNumber(beyond, language.value, 0))}</p>
        : <PictureStateView state={companion.picture.value} />}
    </div>
  )
}
