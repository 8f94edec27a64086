// The slice with rectangles on it: drawn with the pointer, moved by dragging, moved and resized by the keyboard. With
// `preview` they are filled as they will be.

import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks'
import { blanking } from '../../i18n/blanking_text.ts'
import { fitted, matrixOf, screenPoint, toSlice, type View } from '../../viewer/camera.ts'
import { compose } from '../../viewer/compose.ts'
import type { Orientation } from '../../viewer/geometry.ts'
import { autoWindow, createLut, fillLut, FULL_BYTE_WINDOW, type SliceImage, type WindowLevel } from '../../viewer/windowing.ts'
import { boxAt, boxBetween, movedBox, resizedBox, type Box } from './boxes.ts'

export interface BlankPictureProps {
  image: SliceImage | null
  window: WindowLevel | null
  pixelMm: { readonly row: number; readonly column: number }
  orientation: Orientation
  name: string
  boxes: readonly Box[]
  chosen: number
  preview: boolean
  onBoxes: (boxes: readonly Box[], chosen: number) => void
  /** Steps of the wheel and of the page keys. */
  onStep: (step: number) => void
}

type Grip = { kind: 'draw'; from: readonly [number, number] } | { kind: 'move'; from: readonly [number, number]; box: Box; index: number }

export function BlankPicture({ image, window: level, pixelMm, orientation, name, boxes, chosen, preview, onBoxes, onStep }: BlankPictureProps) {
  const canvas = useRef<HTMLCanvasElement>(null)
  const [size, setSize] = useState({ width: 0, height: 0 })
  const grip = useRef<Grip | null>(null)
  const [draft, setDraft] = useState<Box | null>(null)
  const pixels = useRef<{ image: SliceImage; stored: OffscreenCanvas } | null>(null)

  useLayoutEffect(() => {
    const element = canvas.current!
    const watch = new ResizeObserver(() => setSize({ width: element.clientWidth, height: element.clientHeight }))
    watch.observe(element)
    return () => watch.disconnect()
  }, [])

  const view = image && viewOf(image, size, pixelMm, orientation)
  useEffect(() => {
    const element = canvas.current!
    const scale = Math.max(1, devicePixelRatio)
    element.width = Math.round(size.width * scale)
    element.height = Math.round(size.height * scale)
    const context = element.getContext('2d')!
    if (!image || !view) return
    if (pixels.current?.image !== image) pixels.current = { image, stored: painted(image, level) }
    const matrix = matrixOf(view)
    context.setTransform(...(matrix.map((value) => value * scale) as [number, number, number, number, number, number]))
    context.imageSmoothingEnabled = view.camera.zoom * Math.min(pixelMm.row, pixelMm.column) < 3
    context.drawImage(pixels.current.stored, -0.5, -0.5)
    const shown = draft ? [...boxes, draft] : boxes
    const style = getComputedStyle(element)
    shown.forEach((box, index) => {
      const width = box.right - box.left + 1, height = box.bottom - box.top + 1
      if (preview) {
        context.fillStyle = '#000'
        context.fillRect(box.left - 0.5, box.top - 0.5, width, height)
      }
      const line = 1 / (view.camera.zoom * Math.min(pixelMm.row, pixelMm.column))
      const strong = index === chosen && draft === null
      for (const [color, thick] of [['#000', strong ? 4 : 3], [style.getPropertyValue('--accent'), strong ? 2 : 1]] as const) {
        context.lineWidth = thick * line
        context.strokeStyle = color
        context.strokeRect(box.left - 0.5, box.top - 0.5, width, height)
      }
    })
  }, [image, level, size, boxes, chosen, preview, draft])

  const at = (event: PointerEvent): readonly [number, number] => {
    const frame = canvas.current!.getBoundingClientRect()
    return toSlice(view!, screenPoint(event.clientX - frame.left, event.clientY - frame.top))
  }
  function down(event: PointerEvent): void {
    if (!image || event.button !== 0) return
    const from = at(event)
    const index = boxAt(boxes, from)
    grip.current = index >= 0 ? { kind: 'move', from, box: boxes[index]!, index } : { kind: 'draw', from }
    canvas.current!.setPointerCapture(event.pointerId)
    if (index >= 0) onBoxes(boxes, index)
  }
  function move(event: PointerEvent): void {
    const held = grip.current
    if (!held || !image) return
    const to = at(event)
    if (held.kind === 'draw') setDraft(boxBetween(held.from, to, image))
    else onBoxes(boxes.with(held.index, movedBox(held.box, Math.round(to[0] - held.from[0]), Math.round(to[1] - held.from[1]), image)), held.index)
  }
  function up(): void {
    if (grip.current?.kind === 'draw' && draft && (draft.right > draft.left || draft.bottom > draft.top)) onBoxes([...boxes, draft], boxes.length)
    grip.current = null
    setDraft(null)
  }
  function key(event: KeyboardEvent): void {
    const steps: Readonly<Record<string, readonly [number, number]>> = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }
    const step = steps[event.key], box = boxes[chosen]
    if (event.key === 'PageUp' || event.key === 'PageDown') onStep(event.key === 'PageUp' ? -1 : 1)
    else if ((event.key === 'Delete' || event.key === 'Backspace') && box) onBoxes(boxes.filter((_, index) => index !== chosen), Math.min(chosen, boxes.length - 2))
    else if (step && box && image) {
      const far = event.ctrlKey || event.metaKey ? 10 : 1
      const [dx, dy] = onScreen(orientation, step)
      onBoxes(boxes.with(chosen, (event.shiftKey ? resizedBox : movedBox)(box, dx * far, dy * far, image)), chosen)
    } else return
    event.preventDefault()
  }
  return (
    <canvas ref={canvas} class="blank-canvas" tabIndex={0} role="application" aria-label={name} aria-describedby="blank-keys" title={blanking().drawHint}
      onPointerDown={down} onPointerMove={move} onPointerUp={up} onPointerCancel={() => { grip.current = null; setDraft(null) }}
      onKeyDown={key} onWheel={(event) => { event.preventDefault(); onStep(event.deltaY > 0 ? 1 : -1) }} />
  )
}

function viewOf(image: SliceImage, viewport: View['viewport'], pixelMm: View['pixelMm'], orientation: Orientation): View | null {
  if (viewport.width === 0 || viewport.height === 0) return null
  return { camera: fitted(image, viewport, pixelMm, orientation), viewport, pixelMm, orientation }
}

function painted(image: SliceImage, level: WindowLevel | null): OffscreenCanvas {
  const lut = createLut(image.data)
  fillLut(lut, image.channels === 3 ? FULL_BYTE_WINDOW : level ?? autoWindow(image), false)
  const words = new Int32Array(image.rows * image.columns)
  compose(image, lut, [], words)
  const stored = new OffscreenCanvas(image.columns, image.rows)
  stored.getContext('2d')!.putImageData(new ImageData(new Uint8ClampedArray(words.buffer), image.columns, image.rows), 0, 0)
  return stored
}

/** A step of the arrow keys is one on the screen, however the slice is turned there. */
function onScreen({ transpose, flipX, flipY }: Orientation, [x, y]: readonly [number, number]): readonly [number, number] {
  const across = flipX ? -x : x, down = flipY ? -y : y
  return transpose ? [down, across] : [across, down]
}

