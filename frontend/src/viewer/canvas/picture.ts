// The slice with its masks and outlines on a canvas. After a stroke only what it touched is composed and painted again.
import { matrixOf, type Matrix } from '../camera.ts'
import { compose } from '../compose.ts'
import type { ScreenPoint } from '../geometry.ts'
import type { LabelMasks } from '../label_masks.ts'
import { EMPTY_BOX, type Box } from '../mask.ts'
import type { Pattern } from '../pattern.ts'
import { Scene, type DrawnMasks } from '../scene.ts'
import type { Session } from '../session.ts'
import type { ViewState } from '../view_state.ts'
import { createLut, fillLut, type Lut, type SliceImage, type WindowLevel } from '../windowing.ts'
import { context, line, meet, onScreen, pathOf } from './context.ts'
import { Tiles } from './tiles.ts'

/** Voxels larger than this many device pixels are shown as squares, so that one sees what is annotated. */
const SQUARE_FROM_PX = 14
const STALE_ALPHA = 0.35
/** Marks are seen in full from an opacity of a half on. */
const MARKS_PER_OPACITY = 2

/** What a picture was composed from, besides the masks. */
interface Composed { readonly image: SliceImage; readonly window: WindowLevel; readonly inverted: boolean; readonly interpolated: boolean }

export class PicturePainter {
  readonly #view: ViewState
  readonly #scene: Scene
  readonly #opacity: () => number
  readonly #target: CanvasRenderingContext2D
  readonly #slice: CanvasRenderingContext2D
  readonly #tiles: Tiles
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
    this.#tiles = new Tiles(target)
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

  /** The picture larger, on another canvas: the point under `at` (CSS pixels) stays where it is. */
  drawLarger(target: CanvasRenderingContext2D, [x, y]: ScreenPoint, factor: number, ratio: number): void {
    const [a, b, c, d, e, f] = matrixOf(this.#view.view.peek())
    const larger = [a * factor, b * factor, c * factor, d * factor, x + (e - x) * factor, y + (f - y) * factor]
    this.#put(target, larger.map((value) => value * ratio) as unknown as Matrix, ratio)
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
      target.fillStyle = this.#tiles.hatch(outline.kind, outline.color, ratio)
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
    target.fillStyle = this.#tiles.marks(pattern, ratio)
    target.fill(path, 'evenodd')
    target.globalAlpha = 1
  }
}
