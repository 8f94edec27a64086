// The visible labels as bodies in space. A drag turns them, the wheel is zoom; arrow keys do the same for those who use keys.

import { useEffect, useRef, useState } from 'preact/hooks'
import { effect, signal } from '@preact/signals'
import type { Annotator } from '../../annotate/annotator.ts'
import { t } from '../../i18n/text.ts'
import { parseColor } from '../../viewer/compose.ts'
import { drawSolids, solidOf, type Aspect, type Solid, type SolidImage } from '../../viewer/solid.ts'

const FROM_THE_FRONT: Aspect = { yaw: -0.5, pitch: 0.3 }
const RADIANS_PER_PX = 0.01
const KEY_PX = 12
const ZOOM_PER_PX = 0.0025
const SETTLE_MS = 150
const FILLS = 1.1

export function SolidPane({ annotator }: { annotator: Annotator }) {
  const canvas = useRef<HTMLCanvasElement>(null)
  const turn = useRef<(dxPx: number, dyPx: number) => void>(() => {})
  const [bodies, setBodies] = useState<number | null>(null)
  useEffect(() => {
    const space = new Space(annotator, canvas.current!, setBodies)
    turn.current = (dx, dy) => space.turn(dx, dy)
    return () => space.close()
  }, [annotator])
  const text = t().annotate

  function onKeyDown(event: KeyboardEvent): void {
    const step = ({ ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] } as const)[event.key]
    if (step === undefined || event.shiftKey) return
    turn.current(step[0] * KEY_PX, step[1] * KEY_PX)
    event.preventDefault()
    event.stopPropagation()
  }
  return (
    <div class="pane solid">
      <canvas ref={canvas} tabIndex={0} role="img" aria-label={text.solid} onKeyDown={onKeyDown} />
      <div class="pane-name"><b>{text.solid}</b></div>
      <p class="pane-empty">{annotator.labels.value.every(({ voxels }) => voxels === 0) ? text.solidEmpty : bodies === 0 && text.solidThin}</p>
    </div>
  )
}

/** Draws into the canvas when the labels, the aspect or the size change. */
class Space {
  readonly #annotator: Annotator
  readonly #canvas: HTMLCanvasElement
  readonly #context: CanvasRenderingContext2D
  readonly #aspect = signal<Aspect>(FROM_THE_FRONT)
  readonly #zoom = signal(1)
  readonly #size = signal({ width: 0, height: 0 })
  readonly #shown = signal<Parameters<typeof drawSolids>[0]>([])
  readonly #made = new Map<string, { readonly version: number; readonly solid: Solid | null }>()
  readonly #stops: (() => void)[] = []
  #pixels: { readonly data: ImageData; readonly image: SolidImage } | null = null
  #timer: ReturnType<typeof setTimeout> | undefined

  /** `onBodies` is told how many there are to draw. */
  constructor(annotator: Annotator, canvas: HTMLCanvasElement, onBodies: (count: number) => void) {
    this.#annotator = annotator
    this.#canvas = canvas
    this.#context = canvas.getContext('2d')!
    const observer = new ResizeObserver(() => { this.#size.value = { width: canvas.clientWidth, height: canvas.clientHeight } })
    observer.observe(canvas)
    const listeners = { pointerdown: this.#down, pointermove: this.#move, wheel: this.#wheel } as const
    for (const [type, listener] of Object.entries(listeners)) canvas.addEventListener(type, listener as EventListener, { passive: false })
    this.#stops.push(
      () => observer.disconnect(),
      () => { for (const [type, listener] of Object.entries(listeners)) canvas.removeEventListener(type, listener as EventListener) },
      effect(() => {
        void annotator.labels.value // changes with every change of a mask
        clearTimeout(this.#timer)
        this.#timer = setTimeout(() => {
          this.#shown.value = this.#solids()
          onBodies(this.#shown.value.filter(({ solid }) => solid.points.length > 0).length)
        }, SETTLE_MS)
      }),
      () => clearTimeout(this.#timer),
      effect(() => this.#draw()),
    )
  }

  turn(dxPx: number, dyPx: number): void {
    const { yaw, pitch } = this.#aspect.value
    const tilted = Math.min(Math.PI / 2, Math.max(-Math.PI / 2, pitch + dyPx * RADIANS_PER_PX))
    this.#aspect.value = { yaw: yaw - dxPx * RADIANS_PER_PX, pitch: tilted }
  }

  close(): void {
    for (const stop of this.#stops) stop()
  }

  #down = (event: PointerEvent): void => this.#canvas.setPointerCapture(event.pointerId)

  #move = (event: PointerEvent): void => {
    if (this.#canvas.hasPointerCapture(event.pointerId)) this.turn(event.movementX, event.movementY)
  }

  #wheel = (event: WheelEvent): void => {
    event.preventDefault()
    this.#zoom.value = Math.min(20, Math.max(0.2, this.#zoom.value * Math.exp(-event.deltaY * ZOOM_PER_PX)))
  }

  /** Each is made again only after its masks changed. */
  #solids(): Parameters<typeof drawSolids>[0] {
    const { panes, volume } = this.#annotator
    return panes.bodies().flatMap(({ id, color, version }) => {
      let made = this.#made.get(id)
      if (made?.version !== version) {
        made = { version, solid: solidOf(panes.masks, id, volume) }
        this.#made.set(id, made)
      }
      return made.solid === null ? [] : [{ solid: made.solid, color: parseColor(color) }]
    })
  }

  #draw(): void {
    const { width, height } = this.#size.value
    const { shapeKji, spacingKjiMm } = this.#annotator.volume
    const longestMm = Math.max(...shapeKji.map((n, a) => n * spacingKjiMm[a]))
    const pxPerMm = (this.#zoom.value * FILLS * Math.min(width, height)) / longestMm
    const solids = this.#shown.value, aspect = this.#aspect.value
    if (width === 0 || height === 0) return
    if (this.#pixels?.image.width !== width || this.#pixels.image.height !== height) {
      const data = new ImageData(width, height)
      this.#canvas.width = width
      this.#canvas.height = height
      this.#pixels = { data, image: { width, height, words: new Int32Array(data.data.buffer), depth: new Float32Array(width * height) } }
    }
    drawSolids(solids, aspect, pxPerMm, this.#pixels.image)
    this.#context.putImageData(this.#pixels.data, 0, 0)
  }
}
