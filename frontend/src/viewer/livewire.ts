// The cheapest way along edges from one voxel to all others around it: Dijkstra on a cost that is low where values change.
// Pure; the tool that lays the ways is tools/livewire.ts.
import { slicePoint, type SlicePoint } from './geometry.ts'
import type { SliceImage } from './windowing.ts'

/** How far a way may lead from its start, in voxels to each side. */
const REACH = 160
/** What a step costs on the sharpest edge and on none, before its length. Whole numbers, so that buckets sort them. */
const CHEAPEST = 1
const DEAREST = 40
const DIAGONAL = Math.SQRT2
const NONE = -1

const STEPS = [[1, 0], [-1, 0], [0, 1], [0, -1], [1, 1], [1, -1], [-1, 1], [-1, -1]] as const

export class Wire {
  readonly from: SlicePoint
  readonly #x0: number
  readonly #y0: number
  readonly #width: number
  readonly #height: number
  readonly #previous: Int32Array

  /** From the voxel nearest to a point of the slice. */
  constructor(image: SliceImage, from: SlicePoint) {
    const { rows, columns } = image
    const x = Math.min(columns - 1, Math.max(0, Math.round(from[0]))), y = Math.min(rows - 1, Math.max(0, Math.round(from[1])))
    this.from = slicePoint(x, y)
    this.#x0 = Math.max(0, x - REACH)
    this.#y0 = Math.max(0, y - REACH)
    this.#width = Math.min(columns - 1, x + REACH) - this.#x0 + 1
    this.#height = Math.min(rows - 1, y + REACH) - this.#y0 + 1
    this.#previous = this.#grow(this.#costs(image), (y - this.#y0) * this.#width + x - this.#x0)
  }

  /** The voxels from the start (left out) to the one nearest to a point; straight for what lies beyond the reach. */
  to(point: SlicePoint): readonly SlicePoint[] {
    const x = Math.min(this.#width - 1, Math.max(0, Math.round(point[0]) - this.#x0))
    const y = Math.min(this.#height - 1, Math.max(0, Math.round(point[1]) - this.#y0))
    const way: SlicePoint[] = []
    for (let at = y * this.#width + x; this.#previous[at] !== NONE; at = this.#previous[at]) {
      way.push(slicePoint((at % this.#width) + this.#x0, Math.floor(at / this.#width) + this.#y0))
    }
    way.reverse()
    const beyond = Math.round(point[0]) !== x + this.#x0 || Math.round(point[1]) !== y + this.#y0
    return beyond || way.length === 0 ? [...way, point] : way
  }

  /** Of every voxel in reach: cheap where the gradient is steep for this neighbourhood. */
  #costs(image: SliceImage): Uint8Array {
    const steepness = new Float32Array(this.#width * this.#height)
    let sum = 0
    for (let y = 0; y < this.#height; y++) {
      for (let x = 0; x < this.#width; x++) {
        const steep = gradient(image, x + this.#x0, y + this.#y0)
        steepness[y * this.#width + x] = steep
        sum += steep
      }
    }
    const usual = sum / steepness.length
    return Uint8Array.from(steepness, (steep) =>
      usual === 0 ? DEAREST : CHEAPEST + Math.round((DEAREST - CHEAPEST) / (1 + (steep / (2 * usual)) ** 2)))
  }

  /** Voxels are settled in the order of their cost, from a ring of buckets: no step costs more than the ring is long. */
  #grow(costs: Uint8Array, start: number): Int32Array {
    const width = this.#width, height = this.#height
    const previous = new Int32Array(costs.length).fill(NONE)
    const total = new Float64Array(costs.length).fill(Infinity)
    const buckets: number[][] = Array.from({ length: Math.ceil(DEAREST * DIAGONAL) + 2 }, () => [])
    total[start] = 0
    buckets[0].push(start)
    for (let level = 0, waiting = 1; waiting > 0; level++) {
      const bucket = buckets[level % buckets.length]
      while (bucket.length > 0) {
        const at = bucket.pop()!
        waiting--
        if (Math.floor(total[at]) !== level) continue // it was reached more cheaply since
        const x = at % width, y = (at - x) / width
        for (const [dx, dy] of STEPS) {
          const u = x + dx, v = y + dy
          if (u < 0 || v < 0 || u >= width || v >= height) continue
          const next = v * width + u
          const cost = total[at] + costs[next] * (dx !== 0 && dy !== 0 ? DIAGONAL : 1)
          if (cost >= total[next]) continue
          total[next] = cost
          previous[next] = at
          buckets[Math.floor(cost) % buckets.length].push(next)
          waiting++
        }
      }
    }
    return previous
  }
}

/** Length of the Sobel gradient; of colours their sum's. Edges of the slice repeat. */
function gradient({ data, rows, columns, channels }: SliceImage, x: number, y: number): number {
  const value = (dx: number, dy: number) => {
    const at = (Math.min(rows - 1, Math.max(0, y + dy)) * columns + Math.min(columns - 1, Math.max(0, x + dx))) * channels
    return channels === 1 ? data[at] : data[at] + data[at + 1] + data[at + 2]
  }
  const nw = value(-1, -1), n = value(0, -1), ne = value(1, -1), w = value(-1, 0), e = value(1, 0)
  const sw = value(-1, 1), s = value(0, 1), se = value(1, 1)
  return Math.hypot(ne + 2 * e + se - nw - 2 * w - sw, sw + 2 * s + se - nw - 2 * n - ne)
}
