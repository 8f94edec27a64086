// Patterns that repeat over masks, made once for each look: stripes over what nobody accepted, marks of labels. In screen
// pixels, so that they look the same at every zoom.
import { hatchSide, hatchTile, type Hatch } from '../hatch.ts'
import { patternSide, patternTile, type Pattern } from '../pattern.ts'
import { context } from './context.ts'

export class Tiles {
  readonly #target: CanvasRenderingContext2D
  readonly #made = new Map<string, CanvasPattern>()

  constructor(target: CanvasRenderingContext2D) {
    this.#target = target
  }

  /** Diagonal stripes in the label's colour. */
  hatch(kind: Hatch, color: string, ratio: number): CanvasPattern {
    return this.#tile(`${kind} ${color} ${ratio}`, hatchSide(kind, ratio), () => hatchTile(kind, color, ratio))
  }

  marks(pattern: Pattern, ratio: number): CanvasPattern {
    return this.#tile(`${pattern} ${ratio}`, patternSide(ratio), () => patternTile(pattern, ratio))
  }

  #tile(key: string, side: number, make: () => Uint8ClampedArray<ArrayBuffer>): CanvasPattern {
    let pattern = this.#made.get(key)
    if (pattern === undefined) {
      const tile = context(document.createElement('canvas'))
      tile.canvas.width = tile.canvas.height = side
      tile.putImageData(new ImageData(make(), side, side), 0, 0)
      pattern = this.#target.createPattern(tile.canvas, 'repeat')!
      this.#made.set(key, pattern)
    }
    return pattern
  }
}
