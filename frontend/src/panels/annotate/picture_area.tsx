// The picture: two canvases that the annotator draws on, and what is written over their corners. Everything is placed
// absolutely, so nothing here can move the picture.

import { useLayoutEffect, useRef } from 'preact/hooks'
import type { Annotator } from '../../annotate/annotator.ts'
import { formatNumber } from '../../i18n/format.ts'
import { language, t } from '../../i18n/text.ts'
import { Icon } from '../icon.tsx'
import { BrushOptions } from './brush_options.tsx'
import { WindowMenu } from './window_menu.tsx'

export function PictureArea({ annotator }: { annotator: Annotator }) {
  const picture = useRef<HTMLCanvasElement>(null)
  const overlay = useRef<HTMLCanvasElement>(null)
  useLayoutEffect(() => { // not after painting: a key pressed on what is seen must have its effect
    const detach = annotator.attach({ picture: picture.current!, overlay: overlay.current! })
    overlay.current!.focus({ preventScroll: true })
    return detach
  }, [annotator])
  const text = t().annotate
  return (
    <section class="picture-area" aria-label={text.picture}>
      <canvas ref={picture} aria-hidden="true" />
      <canvas ref={overlay} tabIndex={0} role="img" aria-label={pictureName(annotator)} />
      <div class="corner top-left">
        <PlaneSwitch annotator={annotator} />
        <BrushOptions annotator={annotator} />
      </div>
      <div class="corner top-right"><WindowMenu annotator={annotator} /></div>
      <Readout annotator={annotator} />
      <PictureStateView annotator={annotator} />
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

/** Value and place under the pointer. Its own component: it changes with every movement. */
function Readout({ annotator }: { annotator: Annotator }) {
  const cursor = annotator.cursor.value
  if (!cursor) return null
  const { voxel: [k, j, i], value } = cursor
  const number = (n: number) => formatNumber(n, language.value, Number.isInteger(n) ? 0 : 2)
  const shown = value === null ? '' : typeof value === 'number' ? `${number(value)} ${annotator.volume.unit}` : value.join(' ')
  return (
    <output class="corner bottom-right readout" aria-live="off">
      <span>{shown}</span><span class="dim">({i}, {j}, {k})</span>
    </output>
  )
}

function PictureStateView({ annotator }: { annotator: Annotator }) {
  const state = annotator.picture.value
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
