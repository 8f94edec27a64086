// Beside the main picture: the same slice through the same view with the masks of an earlier round.

import { useLayoutEffect, useRef } from 'preact/hooks'
import type { Annotator } from '../../annotate/annotator.ts'
import { t } from '../../i18n/text.ts'

export function EarlierPane({ annotator }: { annotator: Annotator }) {
  const picture = useRef<HTMLCanvasElement>(null)
  const overlay = useRef<HTMLCanvasElement>(null)
  useLayoutEffect(() => annotator.rounds.attach({ picture: picture.current!, overlay: overlay.current! }), [annotator])
  const name = t().annotate.rounds[annotator.rounds.round.value ?? 'previous']
  return (
    <div class="pane earlier">
      <canvas ref={picture} aria-hidden="true" />
      <canvas ref={overlay} tabIndex={0} role="img" aria-label={name} />
      <div class="pane-name low"><b>{name}</b></div>
    </div>
  )
}
