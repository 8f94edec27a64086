// The panes beside the main picture: the two other planes, and the labels in space.

import { useLayoutEffect, useRef } from 'preact/hooks'
import type { Annotator } from '../../annotate/annotator.ts'
import type { SidePane } from '../../annotate/pane_views.ts'
import { t } from '../../i18n/text.ts'
import { PLANE_COLORS } from '../../viewer/overlay.ts'
import { paints } from '../../viewer/tools/host.ts'
import { PictureStateView } from './picture_state.tsx'
import { Readout } from './readout.tsx'
import { SolidPane } from './solid_pane.tsx'

export function SidePanes({ annotator }: { annotator: Annotator }) {
  return (
    <>
      {annotator.panes.sides.map((pane, n) => <Side key={n} pane={pane} annotator={annotator} />)}
      {annotator.panes.layout.value === 'four' && <SolidPane annotator={annotator} />}
    </>
  )
}

function Side({ pane, annotator }: { pane: SidePane; annotator: Annotator }) {
  const picture = useRef<HTMLCanvasElement>(null)
  const overlay = useRef<HTMLCanvasElement>(null)
  useLayoutEffect(() => pane.attach({ picture: picture.current!, overlay: overlay.current! }), [pane])
  const text = t().annotate
  const plane = pane.plane.value
  const place = text.sliceOf(pane.slice.value + 1, pane.sliceCount.value)
  return (
    <div class="pane side" onDblClick={() => { if (!annotator.canPaint.peek() || !paints(annotator.tool.peek())) pane.promote() }}>
      <canvas ref={picture} aria-hidden="true" />
      <canvas ref={overlay} tabIndex={0} role="img" aria-label={`${text[plane]}, ${text.slice} ${place}`} />
      <div class="pane-name" style={{ '--plane': PLANE_COLORS[plane] }}><b>{text[plane]}</b> {place}</div>
      <Readout of={pane} />
      <PictureStateView state={pane.picture.value} />
    </div>
  )
}
