// The pictures: the main one, two canvases that the annotator draws on with what is written over their corners, and in some
// layouts others beside it. What is over a picture is placed absolutely, so it cannot move it.

import { useLayoutEffect, useRef } from 'preact/hooks'
import { actionById } from '../../annotate/actions.ts'
import type { Annotator, PageCommands } from '../../annotate/annotator.ts'
import { formatNumber } from '../../i18n/format.ts'
import { language, t } from '../../i18n/text.ts'
import { Icon, type IconName } from '../icon.tsx'
import { Menu } from '../menu.tsx'
import { onDemand } from '../on_demand.tsx'
import { actionName, actionTip } from './action_text.ts'
import { BrushOptions } from './brush_options.tsx'
import { LimitsBanner } from './limits_banner.tsx'
import { PictureStateView } from './picture_state.tsx'
import { Readout } from './readout.tsx'
import { WindowMenu } from './window_menu.tsx'

const EarlierPane = onDemand(async () => (await import('./earlier_pane.tsx')).EarlierPane)
const SidePanes = onDemand(async () => (await import('./side_panes.tsx')).SidePanes)
const CompanionPane = onDemand(async () => (await import('./companion_pane.tsx')).CompanionPane)

export function PictureArea({ annotator, page, mayManage }: { annotator: Annotator; page: PageCommands; mayManage: boolean }) {
  const picture = useRef<HTMLCanvasElement>(null)
  const overlay = useRef<HTMLCanvasElement>(null)
  useLayoutEffect(() => { // not after painting: a key pressed on what is seen must have its effect
    const detach = annotator.attach({ picture: picture.current!, overlay: overlay.current! })
    overlay.current!.focus({ preventScroll: true })
    return detach
  }, [annotator])
  const text = t().annotate
  const layout = annotator.panes.layout.value
  const { rounds } = annotator
  const twin = rounds.view.value === 'beside' && rounds.ready.value
  const name = twin ? text.rounds.now : rounds.flipped.value ? text.rounds[rounds.round.value!] : null
  const { companions } = annotator.panes
  const beside = companions.open.value.length
  return (
    <section class={`picture-area ${twin ? 'twin' : layout}${beside > 1 ? ' several' : ''}${beside > 2 ? ' many' : ''}`} aria-label={text.picture}>
      {twin && <EarlierPane annotator={annotator} />}
      <div class="pane main">
        <canvas ref={picture} aria-hidden="true" />
        <canvas ref={overlay} tabIndex={0} role="img" aria-label={pictureName(annotator)} />
        <div class="corner top-left">
          <div class="corner-row">
            <PlaneSwitch annotator={annotator} />
            {!twin && <LayoutSwitch annotator={annotator} page={page} />}
            {!twin && <SeriesMenu annotator={annotator} />}
          </div>
          <BrushOptions annotator={annotator} />
          <LimitsBanner annotator={annotator} />
        </div>
        {companions.beyondMm.value > 0 && <p class="beyond" role="status">{text.beyond(formatNumber(companions.beyondMm.value, language.value, 0))}</p>}
        <div class="corner top-right"><WindowMenu of={annotator} keys onOpenWith={mayManage ? page.openWith : null} /></div>
        {name && <div class="pane-name low" role="status"><b>{name}</b></div>}
        <Readout of={annotator} />
        <PictureStateView state={annotator.picture.value} />
      </div>
      {!twin && (layout === 'series'
        ? companions.open.value.map((companion) => <CompanionPane key={companion.volume.id} companion={companion} />)
        : layout !== 'one' && <SidePanes annotator={annotator} />)}
    </section>
  )
}

function pictureName(annotator: Annotator): string {
  const text = t().annotate
  const plane = text[annotator.plane.value]
  return `${annotator.volume.name}, ${plane}, ${text.slice} ${text.sliceOf(annotator.slice.value + 1, annotator.sliceCount.value)}`
}

function PlaneSwitch({ annotator }: { annotator: Annotator }) {
  const text = t().annotate
  if (annotator.planes.length < 2) return null
  return (
    <div class="plane-switch" role="group" aria-label={text.planes}>
      {annotator.planes.map(({ axis, plane }) => (
        <button key={axis} type="button" aria-pressed={annotator.axis.value === axis} onMouseDown={(event) => event.preventDefault()}
          onClick={() => annotator.setAxis(axis)}>
          {text[plane]}
        </button>
      ))}
    </div>
  )
}

const LAYOUT_ICONS: ReadonlyArray<readonly [string, IconName]> = [
  ['view.layoutOne', 'layoutOne'], ['view.layoutBeside', 'layoutBeside'], ['view.layoutFour', 'layoutFour'],
]

function LayoutSwitch({ annotator, page }: { annotator: Annotator; page: PageCommands }) {
  if (!annotator.panes.possible) return null
  return (
    <div class="plane-switch" role="group" aria-label={t().annotate.layouts}>
      {LAYOUT_ICONS.map(([id, icon]) => {
        const action = actionById(id)
        return (
          <button key={id} type="button" aria-pressed={action.active!(annotator)} aria-label={actionName(action)} title={actionTip(action)}
            onMouseDown={(event) => event.preventDefault()} onClick={() => action.perform(annotator, page)}>
            <Icon name={icon} size={16} />
          </button>
        )
      })}
    </div>
  )
}

/** Which other series of the case stand beside this one. */
function SeriesMenu({ annotator: { panes } }: { annotator: Annotator }) {
  const { companions } = panes
  if (companions.others.length === 0) return null
  const text = t().annotate
  const over = actionById('view.masksOverSeries')
  return (
    <Menu label={text.seriesBeside} buttonClass="window-readout" align="left" button={<><Icon name="compare" size={16} /><Icon name="down" size={16} /></>}>
      <p class="caption">{text.seriesBeside}</p>
      {companions.others.map(({ id, name, modality }) => (
        <button key={id} type="button" role="menuitemcheckbox" aria-checked={companions.isOpen(id)} onClick={() => void panes.toggleSeries(id)}>
          <span class="ellipsis">{name}</span>{companions.isOpen(id) && <Icon name="check" size={16} />}<span class="end">{modality}</span>
        </button>
      ))}
      <hr />
      <button type="button" role="menuitemcheckbox" aria-checked={companions.masksOver.value} onClick={() => companions.setMasksOver(!companions.masksOver.value)}>
        {actionName(over)}{companions.masksOver.value && <Icon name="check" size={16} />}
      </button>
    </Menu>
  )
}
