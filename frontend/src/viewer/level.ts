// The region that a level bounds: what hangs together with a voxel and is as bright, or as dark, as it is.
import { ByteMask, type Mask } from './mask.ts'
import { filled } from './morphology.ts'
import type { SliceImage } from './windowing.ts'

/** Half the side of the neighbourhood that tells whether a voxel is on the bright side of its edge or on the dark one. */
const AROUND = 3

/** The object around a voxel with its holes filled: all that is connected (4-neighbours) and at least as bright as the
 *  voxel, or at most as bright where the voxel is darker than its surroundings. One channel. */
export function levelRegion(image: SliceImage, column: number, row: number): Mask {
  const { rows, columns, data } = image
  const level = data[row * columns + column]
  const bright = level >= meanAround(image, column, row)
  const inside = (index: number) => (bright ? data[index] >= level : data[index] <= level)
  const found = new ByteMask(rows, columns)
  const queue = [row * columns + column]
  found.bytes[queue[0]] = 1
  let x0 = column, y0 = row, x1 = column, y1 = row
  const visit = (index: number) => {
    if (found.bytes[index] === 1 || !inside(index)) return
    found.bytes[index] = 1
    queue.push(index)
  }
  while (queue.length > 0) {
    const index = queue.pop()!
    const x = index % columns, y = (index - x) / columns
    x0 = Math.min(x0, x)
    x1 = Math.max(x1, x)
    y0 = Math.min(y0, y)
    y1 = Math.max(y1, y)
    if (x > 0) visit(index - 1)
    if (x < columns - 1) visit(index + 1)
    if (y > 0) visit(index - columns)
    if (y < rows - 1) visit(index + columns)
  }
  found.box = { x0, y0, x1, y1 }
  return filled(found.toMask())
}

function meanAround({ rows, columns, data }: SliceImage, column: number, row: number): number {
  let sum = 0, count = 0
  for (let y = Math.max(0, row - AROUND); y <= Math.min(rows - 1, row + AROUND); y++) {
    for (let x = Math.max(0, column - AROUND); x <= Math.min(columns - 1, column + AROUND); x++) {
      sum += data[y * columns + x]
      count++
    }
  }
  return sum / count
}
