// The window as numbers, and the presets behind it: of the volume that is annotated, or of one beside it.

import { actionById } from '../../annotate/actions.ts'
import type { Windowed, WindowLevel } from '../../annotate/annotator.ts'
import { formatNumber } from '../../i18n/format.ts'
import { language, t } from '../../i18n/text.ts'
import { Icon } from '../icon.tsx'
import { Menu } from '../menu.tsx'
import { WindowHistogram } from './window_histogram.tsx'
import { actionKey, actionName } from './action_text.ts'
import { presetName } from './preset_key.ts'

const PRESET_KEYS = 6

interface WindowMenuProps {
  of: Windowed
  /** The keys of the presets act on this volume. */
  keys: boolean
  /** Has the project open such volumes with the present window; null for who may not decide that. */
  onOpenWith: ((window: WindowLevel) => void) | null
}

export function WindowMenu({ of, keys, onOpenWith }: WindowMenuProps) {
  const text = t().annotate
  const { width, center } = of.window.value
  const auto = actionById('window.auto')
  const invert = actionById('window.invert')
  const shown = (value: number) => formatNumber(value, language.value, Math.abs(value) < 10 && !Number.isInteger(value) ? 2 : 0)
  return (
    <Menu label={`${text.window} ${shown(width)} ${text.level} ${shown(center)}, ${text.windowMenu}`} buttonClass="window-readout"
      button={<><span>{text.window} <b>{shown(width)}</b></span> <span>{text.level} <b>{shown(center)}</b></span><Icon name="down" size={16} /></>} head={<WindowHistogram of={of} />}>
      {of.presets.map((preset, index) => (
        <button key={index} type="button" role="menuitemradio" aria-checked={preset.width === width && preset.center === center}
          onClick={() => of.setWindow(preset)}>
          {presetName(preset)}<span class="end">{shown(preset.width)} / {shown(preset.center)}</span>
          {keys && <kbd>{index < PRESET_KEYS ? actionKey(actionById(`window.preset${index + 1}`)) : ''}</kbd>}
        </button>
      ))}
      {of.presets.length > 0 && <hr />}
      <button type="button" role="menuitem" onClick={() => of.autoWindow()}>{actionName(auto)}<span class="end" />{keys && <kbd>{actionKey(auto)}</kbd>}</button>
      <button type="button" role="menuitemcheckbox" aria-checked={of.inverted.value} onClick={() => of.setInverted(!of.inverted.value)}>
        {actionName(invert)}{of.inverted.value && <Icon name="check" size={16} />}<span class="end" />{keys && <kbd>{actionKey(invert)}</kbd>}
      </button>
      {onOpenWith && of.presets.length > 0 && (
        <>
          <hr />
          <button type="button" role="menuitem" onClick={() => onOpenWith(of.window.value)}>{text.openWith(of.volume.modality)}</button>
        </>
      )}
    </Menu>
  )
}
