// The tools at the left edge, in groups: prompts and drawing, looking, view, undo, help.

import { useEffect, useState } from 'preact/hooks'
import { actionById, isEnabled } from '../../annotate/actions.ts'
import type { Annotator, PageCommands } from '../../annotate/annotator.ts'
import { t } from '../../i18n/text.ts'
import { Icon, type IconName } from '../icon.tsx'
import { Menu } from '../menu.tsx'
import { ActionButton, keepFocus, type ActionProps } from './action_button.tsx'
import { actionKey, actionName } from './action_text.ts'

const DRAWING: ReadonlyArray<readonly [string, IconName]> = [
  ['tool.point', 'points'], ['tool.box', 'box'], ['tool.scribble', 'scribble'], ['tool.encircle', 'encircle'],
  ['tool.brush', 'brush'], ['tool.eraser', 'eraser'],
  ['tool.polygon', 'polygon'], ['tool.lasso', 'lasso'], ['tool.livewire', 'livewire'],
]
const LOOKING: ReadonlyArray<readonly [string, IconName]> = [
  ['tool.window', 'window'], ['tool.pan', 'pan'], ['tool.probe', 'crosshair'],
]
const SLICE_MENU: ReadonlyArray<readonly [string, IconName] | null> = [
  ['tool.trace', 'trace'],
  null, ['edit.fill', 'fill'], ['edit.largest', 'tag'], ['edit.smooth', 'lasso'],
  ['edit.grow', 'plus'], ['edit.shrink', 'minus'], ['edit.removeSmall', 'trash'], ['edit.keepRange', 'window'], ['edit.invert', 'invert'],
  null, ['edit.addOthers', 'compare'], ['edit.subtractOthers', 'reject'], ['edit.keepOthers', 'check'],
  null, ['edit.insideLabel', 'box'], ['edit.exclusive', 'invert'],
  null, ['edit.clearSlice', 'trash'],
  null, ['proposal.preview', 'eye'],
]
const VOLUME_MENU: ReadonlyArray<readonly [string, IconName] | null> = [
  ['tool.scissors', 'scissors'],
  null, ['edit.interpolate', 'slices'], ['edit.interpolateAll', 'slices'],
  null, ['edit.copyPrevious', 'copy'], ['edit.copyNext', 'copy'], ['edit.copyToPrevious', 'copy'], ['edit.copyToNext', 'copy'],
  null, ['edit.largestObjects', 'tag'], ['edit.removeSmallObjects', 'trash'], ['edit.splitObjects', 'compare'],
]
const MEASURE_MENU: ReadonlyArray<readonly [string, IconName] | null> = [
  ['tool.ruler', 'ruler'], ['tool.angle', 'angle'], ['tool.bidirectional', 'plus'], ['tool.rectangle', 'box'], ['tool.ellipse', 'ellipse'],
  null, ['case.measurements', 'tag'],
]
const VIEW_MENU: ReadonlyArray<readonly [string, IconName] | null> = [
  ['tool.zoom', 'zoom'], ['tool.scroll', 'slices'],
  null, ['view.zoomIn', 'zoom'], ['view.rotate', 'rotate'], ['view.flipHorizontal', 'flip'], ['view.flipVertical', 'flip'],
  null, ['view.layoutOne', 'layoutOne'], ['view.layoutBeside', 'layoutBeside'], ['view.layoutFour', 'layoutFour'], ['view.neurological', 'flip'],
  null, ['view.crosshair', 'crosshair'], ['view.magnifier', 'zoom'], ['view.interpolate', 'picture'], ['window.invert', 'invert'],
  null, ['slices.play', 'play'], ['view.reset', 'reset'],
]

export interface ToolRailProps { annotator: Annotator; page: PageCommands; mayAnnotate: boolean }

export function ToolRail({ annotator, page, mayAnnotate }: ToolRailProps) {
  const text = t().annotate
  const button = ([id, icon]: readonly [string, IconName]) =>
    <ActionButton key={id} action={actionById(id)} icon={icon} annotator={annotator} page={page} />
  const menu = (label: string, icon: IconName, entries: typeof VIEW_MENU) => {
    const inHand = entries.find((entry) => entry?.[0] === `tool.${annotator.tool.value}`)
    return (
    <Menu label={inHand ? `${label}: ${actionName(actionById(inHand[0]))}` : label} button={<Icon name={inHand?.[1] ?? icon} />} align="left" pressed={inHand !== undefined}>
      {entries.map((entry, index) => {
        if (!entry) return <hr key={index} />
        return <RailItem key={entry[0]} action={actionById(entry[0])} icon={entry[1]} annotator={annotator} page={page} />
      })}
    </Menu>
    )
  }
  return (
    <div class="tool-rail" role="group" aria-label={text.tools} onMouseDown={keepFocus}>
      {mayAnnotate && <div class="rail-group">{DRAWING.map(button)}{menu(text.maskTools, 'edit', SLICE_MENU)}{menu(text.volumeTools, 'slices', VOLUME_MENU)}</div>}
      <div class="rail-group">{LOOKING.map(button)}{menu(text.measureTools, 'ruler', MEASURE_MENU)}</div>
      <div class="rail-group">
        {button(['view.fit', 'fit'])}
        {menu(text.viewTools, 'settings', VIEW_MENU)}
      </div>
      {mayAnnotate && <div class="rail-group">{button(['edit.undo', 'undo'])}{button(['edit.redo', 'redo'])}</div>}
      <div class="rail-group last">{button(['case.help', 'help'])}</div>
    </div>
  )
}

const LOOK_MS = 120

/** What a command would do to the mask is seen on the picture while its item is under the pointer or has the focus. */
function RailItem({ action, icon, annotator, page }: ActionProps) {
  const [looking, setLooking] = useState(false)
  const enabled = isEnabled(action, annotator), { foresees } = action
  useEffect(() => {
    if (!looking || !enabled || foresees === undefined) return
    const waiting = setTimeout(() => annotator.drawing.foresee(foresees), LOOK_MS)
    return () => {
      clearTimeout(waiting)
      annotator.drawing.foresee(null)
    }
  }, [looking, enabled, foresees])
  const on = action.active?.(annotator)
  return (
    <button type="button" role={on === undefined ? 'menuitem' : 'menuitemcheckbox'} aria-checked={on} disabled={!enabled}
      onPointerEnter={() => setLooking(true)} onPointerLeave={() => setLooking(false)} onFocus={() => setLooking(true)} onBlur={() => setLooking(false)}
      onClick={() => action.perform(annotator, page)}>
      <Icon name={icon} />{actionName(action)}{on && <Icon name="check" size={16} />}<span class="end">{actionKey(action)}</span>
    </button>
  )
}
