// The draw commands of ../overlay.ts on a canvas of their own over the picture.
import type { Size } from '../camera.ts'
import { NEGATIVE, POSITIVE, type Draw, type PromptSize } from '../overlay.ts'
import { discOf, line } from './context.ts'
import type { PicturePainter } from './picture.ts'

type Lens = Extract<Draw, { kind: 'lens' }>

const FONT = '600 14px system-ui, sans-serif'
const PROMPT_RADIUS_PX: Readonly<Record<PromptSize, number>> = { small: 4, plain: 5.5, raised: 7 }

export class OverlayPainter {
  readonly #target: CanvasRenderingContext2D
  readonly #picture: PicturePainter
  /** Lines are as thin in the lens as beside it. */
  #thinner = 1

  constructor(target: CanvasRenderingContext2D, picture: PicturePainter) {
    this.#target = target
    this.#picture = picture
  }

  draw(commands: readonly Draw[], viewport: Size): void {
    const target = this.#target
    const ratio = target.canvas.width / Math.max(1, viewport.width)
    target.setTransform(ratio, 0, 0, ratio, 0, 0)
    target.clearRect(0, 0, viewport.width, viewport.height)
    for (const command of commands) if (command.kind !== 'lens') this.#put(command)
    for (const command of commands) if (command.kind === 'lens') this.#lens(command, commands, ratio)
  }

  /** The picture and what lies over it, larger; words stay outside. */
  #lens({ at, radius, factor }: Lens, commands: readonly Draw[], ratio: number): void {
    const target = this.#target, disc = discOf(at, radius, ratio)
    target.save()
    target.setTransform(1, 0, 0, 1, 0, 0)
    target.clip(disc)
    target.fillStyle = '#000'
    target.fill(disc)
    this.#picture.drawLarger(target, at, factor, ratio)
    const scale = factor * ratio
    target.setTransform(scale, 0, 0, scale, at[0] * (ratio - scale), at[1] * (ratio - scale))
    this.#thinner = factor
    for (const command of commands) if (command.kind !== 'lens' && command.kind !== 'text') this.#put(command)
    this.#thinner = 1
    target.restore()
    target.save()
    target.setTransform(1, 0, 0, 1, 0, 0)
    line(target, disc, 'rgba(0, 0, 0, 0.75)', 4 * ratio)
    line(target, disc, 'rgba(255, 255, 255, 0.75)', 1.5 * ratio)
    target.restore()
  }

  #put(command: Exclude<Draw, Lens>): void {
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
    target.lineWidth = (width + 2) / this.#thinner
    target.stroke(path)
    if (dashed) target.setLineDash([6 / this.#thinner, 4 / this.#thinner])
    target.strokeStyle = color
    target.lineWidth = width / this.#thinner
    target.stroke(path)
    target.setLineDash([])
  }

  /** A disc with plus or minus: told apart by sign as well as by colour. */
  #prompt(x: number, y: number, positive: boolean, size: PromptSize): void {
    const target = this.#target
    const radius = PROMPT_RADIUS_PX[size] / this.#thinner, arm = (size === 'small' ? 2.25 : 3) / this.#thinner
    const disc = new Path2D()
    disc.arc(x, y, radius, 0, 2 * Math.PI)
    target.fillStyle = positive ? POSITIVE : NEGATIVE
    target.fill(disc)
    target.strokeStyle = size === 'raised' ? '#ffffff' : 'rgba(0, 0, 0, 0.85)'
    target.lineWidth = 1.5 / this.#thinner
    target.stroke(disc)
    const sign = new Path2D()
    sign.moveTo(x - arm, y)
    sign.lineTo(x + arm, y)
    if (positive) {
      sign.moveTo(x, y - arm)
      sign.lineTo(x, y + arm)
    }
    target.strokeStyle = '#101418'
    target.lineWidth = 1.75 / this.#thinner
    target.stroke(sign)
  }
}
