// What both painters need of a canvas: its context, and lines and regions on it.
import type { Matrix } from '../camera.ts'
import type { Rings } from '../contour.ts'
import type { ScreenPoint } from '../geometry.ts'
import type { Box } from '../mask.ts'

/** How far the widest outline and its dark edge, or a picture that is shown smaller, reach beyond a voxel. */
const EDGE_PX = 4

export function context(canvas: HTMLCanvasElement): CanvasRenderingContext2D {
  const found = canvas.getContext('2d')
  if (found === null) throw new Error('this browser cannot draw on a canvas')
  return found
}

/** Whole device pixels around what some voxels can change: the picture beyond them by interpolation, outlines by their width. */
export function onScreen({ x0, y0, x1, y1 }: Box, [a, b, c, d, e, f]: Matrix, ratio: number): Box {
  const columns = [x0 - 1.5, x1 + 1.5], rows = [y0 - 1.5, y1 + 1.5], beyond = EDGE_PX * ratio
  const xs = columns.flatMap((x) => rows.map((y) => a * x + c * y + e)), ys = columns.flatMap((x) => rows.map((y) => b * x + d * y + f))
  return {
    x0: Math.floor(Math.min(...xs) - beyond), y0: Math.floor(Math.min(...ys) - beyond),
    x1: Math.ceil(Math.max(...xs) + beyond), y1: Math.ceil(Math.max(...ys) + beyond),
  }
}

export function meet(a: Box, b: Box): boolean {
  return a.x0 <= b.x1 && b.x0 <= a.x1 && a.y0 <= b.y1 && b.y0 <= a.y1
}

export function pathOf(rings: Rings, [a, b, c, d, e, f]: Matrix): Path2D {
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

export function line(target: CanvasRenderingContext2D, path: Path2D, color: string, width: number): void {
  target.strokeStyle = color
  target.lineWidth = width
  target.lineJoin = 'round'
  target.stroke(path)
}

/** A disc of the screen (CSS pixels), in device pixels. */
export function discOf([x, y]: ScreenPoint, radius: number, ratio: number): Path2D {
  const disc = new Path2D()
  disc.arc(x * ratio, y * ratio, radius * ratio, 0, 2 * Math.PI)
  return disc
}
