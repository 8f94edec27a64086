// The strip below the picture: one bar per slice, showing where masks and proposals are and where a click is answered at
// once. Drag on it to leaf through; it is a slider for the keyboard.

import { useEffect, useRef } from 'preact/hooks'
import { useSignal, useSignalEffect } from '@preact/signals'
import type { Annotator, SliceMark } from '../../annotate/annotator.ts'
import { t } from '../../i18n/text.ts'
import { lookOf, SURE_COLORS } from './strip_look.ts'
import { barOf, sliceAt } from './strip_layout.ts'

const HEIGHT_PX = 32
const BAR_TOP = 4
const BAR_HEIGHT = 24

export function SliceStrip({ annotator }: { annotator: Annotator }) {
  const canvas = useRef<HTMLCanvasElement>(null)
  const text = t().annotate
  const count = annotator.sliceCount.value
  const slice = annotator.slice.value

  const bars = useSignal<Bars | null>(null) // painted once, not for every slice that one leafs through
  const paint = () => {
    bars.value = canvas.current && paintBars(canvas.current, annotator)
  }
  useSignalEffect(paint)
  useSignalEffect(() => {
    if (canvas.current && bars.value) paintStrip(canvas.current, bars.value, annotator.slice.value, annotator.sliceCount.value)
  })
  useEffect(() => {
    const observer = new ResizeObserver(paint)
    observer.observe(canvas.current!)
    return () => observer.disconnect()
  }, [annotator])

  function scrub(event: PointerEvent): void {
    const box = canvas.current!.getBoundingClientRect()
    annotator.setSlice(sliceAt(event.clientX - box.left, annotator.sliceCount.value, box.width))
  }
  return (
    <section class="slice-strip" aria-label={text.sliceStrip}>
      <canvas ref={canvas} tabIndex={0} role="slider" aria-label={text.slice} aria-valuemin={1} aria-valuemax={count} aria-valuenow={slice + 1}
        aria-valuetext={text.sliceOf(slice + 1, count)}
        onPointerDown={(event) => { event.currentTarget.setPointerCapture(event.pointerId); scrub(event) }}
        onPointerMove={(event) => { if (event.currentTarget.hasPointerCapture(event.pointerId)) scrub(event) }}
        onWheel={(event) => { event.preventDefault(); annotator.moveSlices(Math.sign(event.deltaY)) }} />
      <output class="slice-number">{text.sliceOf(slice + 1, count)}</output>
      <ul class="strip-legend" aria-hidden="true">
        <li><i class="legend accepted" />{text.stripLegend.accepted}</li>
        <li><i class="legend proposed" style={{ '--from': SURE_COLORS[0], height: '4px' }} />{text.stripLegend.unsure}</li>
        <li><i class="legend proposed" style={{ '--from': SURE_COLORS.at(-1) }} />{text.stripLegend.sure}</li>
        <li><i class="legend unfound" style={{ '--from': SURE_COLORS.at(-1) }} />{text.stripLegend.unfound}</li>
        <li><i class="legend declined" />{text.stripLegend.declined}</li>
        <li><i class="legend encoded" />{text.stripLegend.encoded}</li>
      </ul>
    </section>
  )
}

interface Ink { line: string; soft: string; text: string; accent: string }

/** The strip without the marker of the visible slice. */
interface Bars { canvas: HTMLCanvasElement; width: number; ratio: number; ink: Ink }

/** Reads every signal it depends on, so that an effect around it repaints when one changes. */
function paintBars(strip: HTMLCanvasElement, annotator: Annotator): Bars {
  const count = annotator.sliceCount.value
  const marks = annotator.marks.value
  const acquisition = annotator.axis.value === 0
  const active = annotator.labels.value.find((label) => label.active)
  const ratio = window.devicePixelRatio || 1
  const width = strip.clientWidth
  const canvas = document.createElement('canvas')
  canvas.width = Math.max(1, Math.round(width * ratio))
  canvas.height = Math.round(HEIGHT_PX * ratio)
  const context = canvas.getContext('2d')!
  context.setTransform(ratio, 0, 0, ratio, 0, 0)
  const style = getComputedStyle(strip)
  const ink: Ink = {
    line: style.getPropertyValue('--line'), soft: style.getPropertyValue('--text-faint'),
    text: style.getPropertyValue('--text'), accent: style.getPropertyValue('--accent'),
  }
  for (let index = 0; index < count; index += 1) {
    const { x, width: barWidth } = barOf(index, count, width)
    paintBar(context, x, barWidth, acquisition ? marks[index] : undefined, active?.color ?? ink.soft, ink)
  }
  return { canvas, width, ratio, ink }
}

function paintStrip(strip: HTMLCanvasElement, { canvas, width, ratio, ink }: Bars, slice: number, count: number): void {
  if (strip.width !== canvas.width || strip.height !== canvas.height) {
    strip.width = canvas.width
    strip.height = canvas.height
  }
  const context = strip.getContext('2d')!
  context.setTransform(1, 0, 0, 1, 0, 0)
  context.clearRect(0, 0, strip.width, strip.height)
  context.drawImage(canvas, 0, 0)
  context.setTransform(ratio, 0, 0, ratio, 0, 0)
  const { x, width: barWidth } = barOf(slice, count, width)
  const centre = x + barWidth / 2
  context.fillStyle = ink.text
  context.fillRect(Math.round(centre) - 1, 0, 2, HEIGHT_PX)
  context.beginPath()
  context.moveTo(centre - 5, 0)
  context.lineTo(centre + 5, 0)
  context.lineTo(centre, 6)
  context.fill()
}

function paintBar(context: CanvasRenderingContext2D, x: number, width: number, mark: SliceMark | undefined, color: string, ink: Ink): void {
  context.fillStyle = ink.line
  context.fillRect(x, BAR_TOP, width, BAR_HEIGHT)
  if (!mark) return
  if (mark.encoded) {
    context.fillStyle = ink.soft
    context.fillRect(x, BAR_TOP + BAR_HEIGHT - 3, width, 3)
  }
  const look = lookOf(mark)
  const bottom = BAR_TOP + BAR_HEIGHT - 4, tall = Math.round(look.share * (BAR_HEIGHT - 4))
  if (look.kind === 'accepted') {
    context.fillStyle = color
    context.fillRect(x, bottom - tall, width, tall)
  } else if (look.kind === 'suggested') { // hollow: a lid, and stripes below it
    context.fillStyle = look.color
    context.fillRect(x, bottom - tall, width, 3)
    for (let y = bottom - tall + 5; y < bottom; y += 4) context.fillRect(x, y, width, 1)
  } else if (look.kind === 'unfound') {
    context.fillStyle = look.color
    context.fillRect(x, bottom - 2, width, 2)
  } else if (look.kind === 'declined') {
    context.fillStyle = ink.text
    context.fillRect(x, bottom - tall, width, 2)
  } else if (look.kind === 'others') {
    context.fillStyle = ink.soft
    context.fillRect(x, bottom - tall, width, tall)
  }
  if (mark.drafted) {
    context.fillStyle = ink.accent
    context.fillRect(x, BAR_TOP, width, 3)
  }
}
