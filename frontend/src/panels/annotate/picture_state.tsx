// How the picture of a pane is doing, over the pane: nothing while it is shown.

import type { PictureState } from '../../annotate/annotator.ts'
import { t } from '../../i18n/text.ts'
import { Icon } from '../icon.tsx'

export function PictureStateView({ state }: { state: PictureState }) {
  if (state.kind === 'shown') return null
  if (state.kind === 'loading') return <div class="picture-state slow" role="status"><span class="spinner" /><span class="visually-hidden">{t().common.loading}</span></div>
  return (
    <div class="picture-state" role="alert">
      <div class="notice alert">
        <Icon name="warning" />
        <div>
          <h3>{t().annotate.sliceFailed}</h3>
          <p>{state.problem.detail}</p>
          {state.problem.hint && <p class="hint">{state.problem.hint}</p>}
        </div>
      </div>
    </div>
  )
}
