// The window as numbers, and the presets behind it.

import { actionById } from '../../annotate/actions.ts'
import type { Annotator } from '../../annotate/annotator.ts'
import { formatNumber } from '../../i18n/format.ts'
import { language, t } from '../../i18n/text.ts'
import { Icon } from '../icon.tsx'
import { Menu } from '../menu.tsx'
import { WindowHistogram } from './window_histogram.tsx'
import { actionKey, actionName, presetName } from './action_text.ts'

const PRESET_KEYS = 6

export function WindowMenu({ annotator }: { annotator: Annotator }) {
  const text = t().annotate
  const { width, center } = annotator.window.value
  const auto = actionById('window.auto')
  const invert = actionById('window.invert')
  const shown = (value: number) => formatNumber(value, language.value, Math.abs(value) < 10 && !Number.isInteger(value) ? 2 : 0)
  return (
    <Menu label={text.windowMenu} buttonClass="window-readout"
      button={<><span>{text.window} <b>{shown(width)}</b></span><span>{text.level} <b>{shown(center)}</b></span><Icon name="down" size={16} /></>}>
      <WindowHistogram annotator={annotator} />
      {annotator.presets.map((preset, index) => (
        <button key={index} type="button" role="menuitemradio" aria-checked={preset.width === width && preset.center === center}
          onClick={() => annotator.setWindow(preset)}>
          {presetName(preset)}<span class="end">{shown(preset.width)} / {shown(preset.center)}</span>
          <kbd>{index < PRESET_KEYS ? actionKey(actionById(`window.preset${index + 1}`)) : ''}</kbd>
        </button>
      ))}
      {annotator.presets.length > 0 && <hr />}
      <button type="button" role="menuitem" onClick={() => annotator.autoWindow()}>{actionName(auto)}<span class="end" /><kbd>{actionKey(auto)}</kbd></button>
      <button type="button" role="menuitemcheckbox" aria-checked={annotator.inverted.value} onClick={() => annotator.setInverted(!annotator.inverted.value)}>
        {actionName(invert)}{annotator.inverted.value && <Icon name="check" size={16} />}<span class="end" /><kbd>{actionKey(invert)}</kbd>
      </button>
    </Menu>
  )
}
