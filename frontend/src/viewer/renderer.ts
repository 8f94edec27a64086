// The only file with a 2D context. Two canvases: the picture (slice, masks, outlines) is drawn when one of these or the
// camera changed, the overlay (prompts, cursor, letters) when something on it moved. One animation frame per change.
import { effect } from '@preact/signals-core'

import { matrixOf, type Matrix, type Size } from './camera.ts'
import { compose } from './compose.ts'
import type { Rings } from './contour.ts'
import type { ScreenPoint } from './geometry.ts'
import { hatchSide, hatchTile, type Hatch } from './hatch.ts'
import { EMPTY_BOX, type Box } from './mask.ts'
import { drawOverlay, NEGATIVE, POSITIVE, type Draw, type PromptSize } from './overlay.ts'
import { patternSide, patternTile, type Pattern } from './pattern.ts'
import { Scene, type DrawnMasks } from './scene.ts'
import type { LabelMasks } from './label_masks.ts'
import type { Session } from './session.ts'
import type { ViewState } from './view_state.ts'
import { createLut, fillLut, type Lut, type SliceImage, type WindowLevel } from './windowing.ts'

export interface Canvases { readonly picture: HTMLCanvasElement; readonly overlay: HTMLCanvasElement }

/** Voxels larger than this many device pixels are shown as squares, so that one sees what is annotated. */
const SQUARE_FROM_PX = 14
const STALE_ALPHA = 0.35
/** Marks are seen in full from an opacity of a half on. */
const MARKS_PER_OPACITY = 2
/** How far the widest outline and its dark edge, or a picture that is shown smaller, reach beyond a voxel. */
const EDGE_PX = 4
const FONT = '600 14px system-ui, sans-serif'
const PROMPT_RADIUS_PX: Readonly<Record<PromptSize, number>> = { small: 4, plain: 5.5, raised: 7 }

/** Draws one pane of the session until the returned function is called. `earlier`: the masks that this pane shows in place
 *  of those of now. */
export function mountRenderer(
  session: Session, view: ViewState, { picture, overlay }: Canvases, earlier: (() => LabelMasks | null) | null = null,
): () => void {
  const paint = new PicturePainter(session, view, context(picture), earlier)
  const paintOver = new OverlayPainter(context(overlay), paint)
  let frame = 0
  let contentDue = true, wholeDue = true, overlayDue = true
  let over: readonly Draw[] = []

  const draw = () => {
    frame = 0
    if (contentDue || wholeDue) paint.draw(contentDue, wholeDue)
    if (overlayDue || session.magnifier.peek()) paintOver.draw(over, view.viewport.peek())
    contentDue = wholeDue = overlayDue = false
  }
  const schedule = () => {
    if (frame === 0) frame = requestAnimationFrame(draw)
  }
  const stops = [
    effect(() => {
      dependOnContent(session, view)
      contentDue = true
      schedule()
    }),
    effect(() => {
      void view.matrix.value
      wholeDue = true
      schedule()
    }),
    effect(() => {
      over = drawOverlay(session, view)
      overlayDue = true
      schedule()
    }),
  ]
  const observer = new ResizeObserver(() => {
    const { clientWidth: width, clientHeight: height } = overlay
    const ratio = globalThis.devicePixelRatio || 1
    for (const canvas of [picture, overlay]) {
      canvas.width = Math.max(1, Math.round(width * ratio))
      canvas.height = Math.max(1, Math.round(height * ratio))
    }
    view.viewport.value = { width, height }
    wholeDue = overlayDue = true
    if (frame !== 0) cancelAnimationFrame(frame)
    draw() // in this very frame: a resized canvas is empty
  })
  observer.observe(overlay)
  return () => {
    observer.disconnect()
    cancelAnimationFrame(frame)
    for (const stop of stops) stop()
  }
}

function context(canvas: HTMLCanvasElement): CanvasRenderingContext2D {
  const found = canvas.getContext('2d')
  if (found === null) throw new Error('this browser cannot draw on a canvas')
  return found
}

function dependOnContent(session: Session, view: ViewState): void {
  const read = [
    view.image, view.slice, view.axis, view.window, view.inverted, view.interpolated, session.masksVersion, session.drafts,
    session.suggestions.open, session.labels, session.hiddenLabels, session.masksVisible, session.opacity, session.activeLabelId, session.laidOver,
    session.before, session.flipped, session.patterns,
  ]
  for (const signal of read) void signal.value
}

/** What a picture was composed from, besides the masks. */
interface Composed { readonly image: SliceImage; readonly window: WindowLevel; readonly inverted: boolean; readonly interpolated: boolean }

class PicturePainter {
  readonly #view: ViewState
  readonly #scene: Scene
  readonly #opacity: () => number
  readonly #target: CanvasRenderingContext2D
  readonly #slice: CanvasRenderingContext2D
  readonly #hatches = new Map<string, CanvasPattern>()
  #pixels: ImageData | null = null
  #words: Int32Array = new Int32Array(0)
  #lut: { readonly lut: Lut; readonly type: string } | null = null
  #masks: DrawnMasks = { layers: [], outlines: [], changed: null }
  #composed: Composed | null = null
  #stale = true

  constructor(session: Session, view: ViewState, target: CanvasRenderingContext2D, earlier: (() => LabelMasks | null) | null) {
    this.#view = view
    this.#opacity = () => session.opacity.peek()
    this.#scene = new Scene(session, view, earlier)
    this.#target = target
    this.#slice = context(document.createElement('canvas'))
  }

  /** After a stroke only what it touched is composed and painted again, unless all is to be (`whole`). */
  draw(contentChanged: boolean, whole: boolean): void {
    const changed = contentChanged ? this.#compose() : EMPTY_BOX
    const target = this.#target
    const viewport = this.#view.viewport.peek()
    const ratio = target.canvas.width / Math.max(1, viewport.width)
    const matrix = matrixOf(this.#view.view.peek()).map((value) => value * ratio) as unknown as Matrix
    if (whole || changed === null) {
      target.setTransform(1, 0, 0, 1, 0, 0)
      target.clearRect(0, 0, target.canvas.width, target.canvas.height)
      this.#put(target, matrix, ratio)
    } else if (changed.x1 >= changed.x0 && changed.y1 >= changed.y0) {
      const region = onScreen(changed, matrix, ratio), { x0, y0, x1, y1 } = region
      const path = new Path2D()
      path.rect(x0, y0, x1 - x0, y1 - y0)
      target.save()
      target.setTransform(1, 0, 0, 1, 0, 0)
      target.clip(path)
      target.clearRect(x0, y0, x1 - x0, y1 - y0)
      this.#put(target, matrix, ratio, region)
      target.restore()
    }
  }

  /** The picture larger, in a disc of another canvas: the point under `at` (CSS pixels) stays where it is. */
  drawLens(target: CanvasRenderingContext2D, [x, y]: ScreenPoint, radius: number, factor: number, ratio: number): void {
    const [a, b, c, d, e, f] = matrixOf(this.#view.view.peek())
    const larger = [a * factor, b * factor, c * factor, d * factor, x + (e - x) * factor, y + (f - y) * factor]
    const disc = new Path2D()
    disc.arc(x * ratio, y * ratio, radius * ratio, 0, 2 * Math.PI)
    target.save()
    target.setTransform(1, 0, 0, 1, 0, 0)
    target.clip(disc)
    target.fillStyle = '#000'
    target.fill(disc)
    this.#put(target, larger.map((value) => value * ratio) as unknown as Matrix, ratio)
    target.restore()
    target.save()
    target.setTransform(1, 0, 0, 1, 0, 0)
    line(target, disc, 'rgba(0, 0, 0, 0.75)', 4 * ratio)
    line(target, disc, 'rgba(255, 255, 255, 0.75)', 1.5 * ratio)
    target.restore()
  }

  /** `within` (device pixels): nothing else can be seen. */
  #put(target: CanvasRenderingContext2D, matrix: Matrix, ratio: number, within: Box | null = null): void {
    if (this.#pixels === null) return
    const [a, b, c, d] = matrix
    const pxPerVoxel = Math.min(Math.hypot(a, b), Math.hypot(c, d))
    target.imageSmoothingEnabled = this.#view.interpolated.peek() && pxPerVoxel < SQUARE_FROM_PX
    target.imageSmoothingQuality = pxPerVoxel < ratio ? 'high' : 'low' // enlarged, 'high' takes half as much time again
    target.setTransform(...matrix)
    target.globalAlpha = this.#stale ? STALE_ALPHA : 1
    target.drawImage(this.#slice.canvas, -0.5, -0.5) // integers are voxel centres
    target.globalAlpha = 1
    target.setTransform(1, 0, 0, 1, 0, 0)
    if (this.#stale) return
    for (const outline of this.#masks.outlines) {
      if (within !== null && !meet(onScreen(outline.box, matrix, ratio), within)) continue
      const path = pathOf(outline.rings, matrix)
      if (outline.kind === 'accepted') {
        if (outline.pattern !== 'plain') this.#mark(target, path, outline.pattern, ratio)
        line(target, path, outline.color, 1.25 * ratio)
        continue
      }
      target.fillStyle = this.#hatch(outline.kind, outline.color, ratio)
      target.fill(path, 'evenodd')
      const width = outline.kind === 'draft' ? 2 : 1.5
      line(target, path, 'rgba(0, 0, 0, 0.75)', (width + 1.5) * ratio)
      if (outline.kind === 'suggestion') target.setLineDash([6 * ratio, 4 * ratio])
      line(target, path, outline.color, width * ratio)
      target.setLineDash([])
    }
  }

  /** The voxels whose pixels are others now; null: all. */
  #compose(): Box | null {
    const view = this.#view
    const image = view.image.peek()
    this.#stale = image === null
    if (image === null) {
      const { rows, columns } = view.shape.peek()
      if (this.#pixels && (this.#pixels.width !== columns || this.#pixels.height !== rows)) this.#pixels = null
      this.#composed = null
      return null
    }
    const lut = this.#lutFor(image), pixels = this.#bufferFor(image)
    const composed = { image, window: view.window.peek(), inverted: view.inverted.peek(), interpolated: view.interpolated.peek() }
    const before = this.#composed
    if (composed.window !== before?.window || composed.inverted !== before.inverted || composed.image.data.constructor !== before.image.data.constructor) {
      fillLut(lut, composed.window, composed.inverted)
    }
    this.#masks = this.#scene.masks()
    this.#composed = composed
    const same = before !== null && before.image === image && before.window === composed.window && before.inverted === composed.inverted &&
      before.interpolated === composed.interpolated
    const changed = same ? this.#masks.changed : null
    if (changed === null) {
      compose(image, lut, this.#masks.layers, this.#words)
      this.#slice.putImageData(pixels, 0, 0)
    } else if (changed.x1 >= changed.x0 && changed.y1 >= changed.y0) {
      compose(image, lut, this.#masks.layers, this.#words, changed)
      this.#slice.putImageData(pixels, 0, 0, changed.x0, changed.y0, changed.x1 - changed.x0 + 1, changed.y1 - changed.y0 + 1)
    }
    return changed
  }

  #bufferFor({ rows, columns }: SliceImage): ImageData {
    if (this.#pixels?.width !== columns || this.#pixels.height !== rows) {
      this.#pixels = this.#slice.createImageData(columns, rows)
      this.#words = new Int32Array(this.#pixels.data.buffer)
      this.#slice.canvas.width = columns
      this.#slice.canvas.height = rows
    }
    return this.#pixels
  }

  #lutFor({ data }: SliceImage): Lut {
    const type = data.constructor.name
    if (this.#lut?.type !== type) this.#lut = { lut: createLut(data), type }
    return this.#lut.lut
  }

  /** The marks of a label, as strong as its fill is. */
  #mark(target: CanvasRenderingContext2D, path: Path2D, pattern: Pattern, ratio: number): void {
    target.globalAlpha = Math.min(1, MARKS_PER_OPACITY * this.#opacity())
    target.fillStyle = this.#tile(`${pattern} ${ratio}`, patternSide(ratio), () => patternTile(pattern, ratio))
    target.fill(path, 'evenodd')
    target.globalAlpha = 1
  }

  /** Diagonal stripes in the label's colour, in screen pixels, so that they look the same at every zoom. */
  #hatch(kind: Hatch, color: string, ratio: number): CanvasPattern {
    return this.#tile(`${kind} ${color} ${ratio}`, hatchSide(kind, ratio), () => hatchTile(kind, color, ratio))
  }

  #tile(key: string, side: number, make: () => Uint8ClampedArray<ArrayBuffer>): CanvasPattern {
    let pattern = this.#hatches.get(key)
    if (pattern === undefined) {
      const tile = context(document.createElement('canvas'))
      tile.canvas.width = tile.canvas.height = side
      tile.putImageData(new ImageData(make(), side, side), 0, 0)
      pattern = this.#target.createPattern(tile.canvas, 'repeat')!
      this.#hatches.set(key, pattern)
    }
    return pattern
  }
}

/** Whole device pixels around what some voxels can change: the picture beyond them by interpolation, outlines by their width. */
function onScreen({ x0, y0, x1, y1 }: Box, [a, b, c, d, e, f]: Matrix, ratio: number): Box {
  const columns = [x0 - 1.5, x1 + 1.5], rows = [y0 - 1.5, y1 + 1.5], beyond = EDGE_PX * ratio
  const xs = columns.flatMap((x) => rows.map((y) => a * x + c * y + e)), ys = columns.flatMap((x) => rows.map((y) => b * x + d * y + f))
  return {
    x0: Math.floor(Math.min(...xs) - beyond), y0: Math.floor(Math.min(...ys) - beyond),
    x1: Math.ceil(Math.max(...xs) + beyond), y1: Math.ceil(Math.max(...ys) + beyond),
  }
}

function meet(a: Box, b: Box): boolean {
  return a.x0 <= b.x1 && b.x0 <= a.x1 && a.y0 <= b.y1 && b.y0 <= a.y1
}

function pathOf(rings: Rings, [a, b, c, d, e, f]: Matrix): Path2D {
  const path = new Path2D()
  for (const ring of rings) {
    for (let n = 0; n < ring.length; n += 2) {
      const x = a * ring[n] + c * ring[n + 1] + e, y = b * ring[n] + d * ring[n + 1] + f
      if (n === 0) path.moveTo(x, y)
      else path.lineTo(x, y)
    }
    path.closePath()
  }
  return path
}

function line(target: CanvasRenderingContext2D, path: Path2D, color: string, width: number): void {
  target.strokeStyle = color
  target.lineWidth = width
  target.lineJoin = 'round'
  target.stroke(path)
}

class OverlayPainter {
  readonly #target: CanvasRenderingContext2D
  readonly #picture: PicturePainter

  constructor(target: CanvasRenderingContext2D, picture: PicturePainter) {
    this.#target = target
    this.#picture = picture
  }

  draw(commands: readonly Draw[], viewport: Size): void {
    const target = this.#target
    const ratio = target.canvas.width / Math.max(1, viewport.width)
    target.setTransform(ratio, 0, 0, ratio, 0, 0)
    target.clearRect(0, 0, viewport.width, viewport.height)
    for (const command of commands) this.#put(command, ratio)
  }

  #put(command: Draw, ratio: number): void {
    const target = this.#target
    switch (command.kind) {
      case 'line': {
        const path = new Path2D()
        path.moveTo(command.from[0], command.from[1])
        path.lineTo(command.to[0], command.to[1])
        this.#cased(path, command.color, command.width, command.dashed)
        return
      }
      case 'path': {
        const path = new Path2D()
        for (const [x, y] of command.points) path.lineTo(x, y)
        this.#cased(path, command.color, command.width ?? 1.5, command.dashed)
        return
      }
      case 'rect': {
        const [x0, y0] = command.from, [x1, y1] = command.to
        const path = new Path2D()
        path.rect(Math.min(x0, x1), Math.min(y0, y1), Math.abs(x1 - x0), Math.abs(y1 - y0))
        this.#cased(path, command.color, 1.5, command.dashed)
        return
      }
      case 'ellipse': {
        const path = new Path2D()
        path.ellipse(command.at[0], command.at[1], command.radiusX, command.radiusY, 0, 0, 2 * Math.PI)
        this.#cased(path, command.color, 1.5)
        return
      }
      case 'prompt':
        this.#prompt(command.at[0], command.at[1], command.positive, command.size)
        return
      case 'lens':
        this.#picture.drawLens(target, command.at, command.radius, command.factor, ratio)
        return
      case 'text':
        target.font = FONT
        target.textAlign = command.align
        target.textBaseline = 'middle'
        target.lineJoin = 'round'
        target.lineWidth = 4
        target.strokeStyle = 'rgba(0, 0, 0, 0.85)'
        target.strokeText(command.text, command.at[0], command.at[1])
        target.fillStyle = command.color
        target.fillText(command.text, command.at[0], command.at[1])
        return
      default:
        command satisfies never
    }
  }

  /** A dark edge around a coloured line: seen on bright and on dark tissue. */
  #cased(path: Path2D, color: string, width: number, dashed = false): void {
    const target = this.#target
    target.lineJoin = 'round'
    target.strokeStyle = 'rgba(0, 0, 0, 0.6)'
    target.lineWidth = width + 2
    target.stroke(path)
    if (dashed) target.setLineDash([6, 4])
    target.strokeStyle = color
    target.lineWidth = width
    target.stroke(path)
    target.setLineDash([])
  }

  /** A disc with plus or minus: told apart by sign as well as by colour. */
  #prompt(x: number, y: number, positive: boolean, size: PromptSize): void {
    const target = this.#target
    const radius = PROMPT_RADIUS_PX[size], arm = size === 'small' ? 2.25 : 3
    const disc = new Path2D()
    disc.arc(x, y, radius, 0, 2 * Math.PI)
    target.fillStyle = positive ? POSITIVE : NEGATIVE
    target.fill(disc)
    target.strokeStyle = size === 'raised' ? '#ffffff' : 'rgba(0, 0, 0, 0.85)'
    target.lineWidth = 1.5
    target.stroke(disc)
    const sign = new Path2D()
    sign.moveTo(x - arm, y)
    sign.lineTo(x + arm, y)
    if (positive) {
      sign.moveTo(x, y - arm)
      sign.lineTo(x, y + arm)
    }
    target.strokeStyle = '#101418'
    target.lineWidth = 1.75
    target.stroke(sign)
  }
}
