// The outline of a mask along the edges of its voxels, as closed rings. Drawing them is the renderer's.
import type { Box } from './mask.ts'

/** Closed rings in slice coordinates, flat (column, row) pairs; corners lie between voxels, at halves. */
export type Rings = readonly Float32Array[]

const DX = [1, 0, -1, 0] // east, south, west, north
const DY = [0, 1, 0, -1]

/**
 * Walks around every region with the inside on the right hand: outer rings clockwise on the screen of an unflipped slice,
 * holes the other way, so that both fill rules agree. Regions that touch at a corner only stay apart.
 */
export function traceRings(bytes: Uint8Array, columns: number, rows: number, box: Box): Rings {
  const width = box.x1 - box.x0 + 1
  if (width <= 0) return []
  const seen = new Uint8Array(width * (box.y1 - box.y0 + 1)) // the top edge of this voxel has been walked
  const inside = (x: number, y: number) => x >= 0 && y >= 0 && x < columns && y < rows && bytes[y * columns + x] === 1
  const rings: Float32Array[] = []
  const fours = columns % 4 === 0 && bytes.byteOffset % 4 === 0 ? new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length >> 2) : null
  for (let y = box.y0; y <= box.y1; y++) {
    for (let x = box.x0; x <= box.x1; x++) {
      if (fours !== null && x % 4 === 0) { // most voxels are outside or below another inside: no ring begins there
        const at = (y * columns + x) >> 2
        if (fours[at] === 0 || (y > 0 && fours[at] === fours[at - (columns >> 2)])) {
          x += 3
          continue
        }
      }
      if (bytes[y * columns + x] !== 1 || inside(x, y - 1) || seen[(y - box.y0) * width + x - box.x0]) continue
      const points: number[] = []
      let cx = x, cy = y, heading = 0 // corner (cx, cy) is the top left of voxel (cx, cy)
      do {
        if (heading === 0) seen[(cy - box.y0) * width + cx - box.x0] = 1
        cx += DX[heading]
        cy += DY[heading]
        // The two voxels ahead of this corner, on the left and the right hand of the heading.
        const rightX = cx + (heading === 0 || heading === 3 ? 0 : -1), rightY = cy + (heading < 2 ? 0 : -1)
        const leftX = cx + (heading < 2 ? 0 : -1), leftY = cy + (heading === 1 || heading === 2 ? 0 : -1)
        const turn = !inside(rightX, rightY) ? 1 : inside(leftX, leftY) ? 3 : 0
        if (turn !== 0) {
          points.push(cx - 0.5, cy - 0.5)
          heading = (heading + turn) % 4
        }
      } while (cx !== x || cy !== y || heading !== 0)
      rings.push(Float32Array.from(points))
    }
  }
  return rings
}
