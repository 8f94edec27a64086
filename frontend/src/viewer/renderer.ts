// Draws a pane, in one animation frame per change. Two canvases: the picture (slice, masks, outlines) is drawn when one of
// these or the camera changed, the overlay (prompts, cursor, letters) when something on it moved. Only `canvas/` paints.
import { effect } from '@preact/signals-core'

import { context } from './canvas/context.ts'
import { OverlayPainter } from './canvas/overlay.ts'
import { PicturePainter } from './canvas/picture.ts'
import type { LabelMasks } from './label_masks.ts'
import { drawOverlay, type Draw } from './overlay.ts'
import type { Session } from './session.ts'
import type { ViewState } from './view_state.ts'

export interface Canvases { readonly picture: HTMLCanvasElement; readonly overlay: HTMLCanvasElement }

/** Draws one pane of the session until the returned function is called. `earlier`: the masks that this pane shows in place
 *  of those of now. */
export function mountRenderer(
  session: Session, view: ViewState, { picture, overlay }: Canvases, earlier: (() => LabelMasks | null) | null = null,
): () => void {
  const paint = new PicturePainter(session, view, context(picture), earlier)
  const paintOver = new OverlayPainter(context(overlay), paint)
  let frame = 0
  let contentDue = true, wholeDue = true, overlayDue = true
  let over: readonly Draw[] = []

  const draw = () => {
    frame = 0
    if (contentDue || wholeDue) paint.draw(contentDue, wholeDue)
    if (overlayDue || session.magnifier.peek()) paintOver.draw(over, view.viewport.peek())
    contentDue = wholeDue = overlayDue = false
  }
  const schedule = () => {
    if (frame === 0) frame = requestAnimationFrame(draw)
  }
  const stops = [
    effect(() => {
      dependOnContent(session, view)
      contentDue = true
      schedule()
    }),
    effect(() => {
      void view.matrix.value
      wholeDue = true
      schedule()
    }),
    effect(() => {
      over = drawOverlay(session, view)
      overlayDue = true
      schedule()
    }),
  ]
  const observer = new ResizeObserver(() => {
    const { clientWidth: width, clientHeight: height } = overlay
    const ratio = globalThis.devicePixelRatio || 1
    for (const canvas of [picture, overlay]) {
      canvas.width = Math.max(1, Math.round(width * ratio))
      canvas.height = Math.max(1, Math.round(height * ratio))
    }
    view.viewport.value = { width, height }
    wholeDue = overlayDue = true
    if (frame !== 0) cancelAnimationFrame(frame)
    draw() // in this very frame: a resized canvas is empty
  })
  observer.observe(overlay)
  return () => {
    observer.disconnect()
    cancelAnimationFrame(frame)
    for (const stop of stops) stop()
  }
}

function dependOnContent(session: Session, view: ViewState): void {
  const read = [
    view.image, view.slice, view.axis, view.window, view.inverted, view.interpolated, session.masksVersion, session.drafts,
    session.suggestions.open, session.labels, session.hiddenLabels, session.masksVisible, session.opacity, session.activeLabelId, session.laidOver,
    session.before, session.flipped, session.patterns,
  ]
  for (const signal of read) void signal.value
}
