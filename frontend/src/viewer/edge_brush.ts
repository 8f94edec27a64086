// The brush that follows edges: of what the disc covers it takes only what looks like its middle and hangs together with it.
import { slicePoint, type SlicePoint } from './geometry.ts'
import { boxUnion, EMPTY_BOX, type Box, type ByteMask } from './mask.ts'
import { reachOf, type Brush } from './stroke.ts'
import type { SliceImage } from './windowing.ts'

/** The middle is this part of the radius. */
const MIDDLE = 1 / 3
/** Values within this many standard deviations of the middle's look like it. */
const DEVIATIONS = 2.5
/** A middle of one value still has noise around it: this part of the slice's range of values. */
const LEAST_SHARE = 0.01
const STEP = 1 / 3

/** Paints from one position to the next, in steps of a third of the radius. One channel only. `spread` is the range of the
 *  values of the slice. Returns the box it may have changed. */
export function paintAlongEdges(mask: ByteMask, from: SlicePoint, to: SlicePoint, brush: Brush, image: SliceImage, spread: number): Box {
  const { row, column } = brush.pixelMm
  const lengthMm = Math.hypot((to[0] - from[0]) * column, (to[1] - from[1]) * row)
  const steps = Math.max(1, Math.ceil(lengthMm / (brush.radiusMm * STEP)))
  let touched = EMPTY_BOX
  for (let n = lengthMm === 0 ? steps : 1; n <= steps; n++) {
    const at = slicePoint(from[0] + ((to[0] - from[0]) * n) / steps, from[1] + ((to[1] - from[1]) * n) / steps)
    touched = boxUnion(touched, dab(mask, at, brush, image, spread))
  }
  return touched
}

function dab(mask: ByteMask, at: SlicePoint, brush: Brush, { data }: SliceImage, spread: number): Box {
  const { columns, rows, bytes } = mask
  const startX = Math.round(at[0]), startY = Math.round(at[1])
  if (startX < 0 || startY < 0 || startX >= columns || startY >= rows) return EMPTY_BOX
  const box = reachOf(mask, at, at, Math.max(brush.radiusMm, brush.pixelMm.row, brush.pixelMm.column), brush.pixelMm)
  const distance2 = (x: number, y: number) => ((x - at[0]) * brush.pixelMm.column) ** 2 + ((y - at[1]) * brush.pixelMm.row) ** 2
  const [mean, deviation] = middleOf(box, (x, y) => distance2(x, y) <= (brush.radiusMm * MIDDLE) ** 2, data, columns, startY * columns + startX)
  const tolerance = Math.max(DEVIATIONS * deviation, LEAST_SHARE * spread)
  const width = box.x1 - box.x0 + 1
  const seen = new Uint8Array(width * (box.y1 - box.y0 + 1))
  const queue: number[] = []
  const visit = (x: number, y: number) => {
    if (x < box.x0 || x > box.x1 || y < box.y0 || y > box.y1) return
    const local = (y - box.y0) * width + x - box.x0
    if (seen[local] === 1) return
    seen[local] = 1
    if (distance2(x, y) <= brush.radiusMm ** 2 && Math.abs(data[y * columns + x] - mean) <= tolerance) queue.push(local)
  }
  visit(startX, startY)
  while (queue.length > 0) {
    const local = queue.pop()!
    const x = (local % width) + box.x0, y = Math.floor(local / width) + box.y0
    const index = y * columns + x
    if (brush.allowed === null || brush.allowed[index] === 1) bytes[index] = brush.erase ? 0 : 1
    visit(x - 1, y)
    visit(x + 1, y)
    visit(x, y - 1)
    visit(x, y + 1)
  }
  if (!brush.erase) mask.box = boxUnion(mask.box, box)
  return box
}

function middleOf(box: Box, inMiddle: (x: number, y: number) => boolean, data: SliceImage['data'], columns: number, start: number): [mean: number, deviation: number] {
  let count = 0, sum = 0, squares = 0
  for (let y = box.y0; y <= box.y1; y++) {
    for (let x = box.x0; x <= box.x1; x++) {
      if (!inMiddle(x, y)) continue
      const value = data[y * columns + x]
      count++
      sum += value
      squares += value * value
    }
  }
  if (count === 0) return [data[start], 0]
  const mean = sum / count
  return [mean, Math.sqrt(Math.max(0, squares / count - mean * mean))]
}
