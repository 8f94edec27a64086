// The marks of labels: told apart from each other and from the stripes of what nobody accepted, on every tissue.
import assert from 'node:assert/strict'
import { test } from 'node:test'

import { hatchSide, hatchTile } from '../../src/viewer/hatch.ts'
import { patternAt, PATTERNS, patternSide, patternTile } from '../../src/viewer/pattern.ts'

const GREYS = [16, 128, 235]
const AREA = 72 // a multiple of the sides of all tiles

/** The luminance of a patch of tissue under a tile. */
function patch(tile: Uint8ClampedArray, side: number, grey: number): Float32Array {
  return Float32Array.from({ length: AREA * AREA }, (_, n) => {
    const at = 4 * (((Math.floor(n / AREA) % side) * side) + (n % AREA) % side), alpha = tile[at + 3] / 255
    return grey * (1 - alpha) + alpha * (0.2126 * tile[at] + 0.7152 * tile[at + 1] + 0.0722 * tile[at + 2])
  })
}

/** Mean difference at the shift where two patches look most alike: what the eye has that lays one over the other. */
function apart(a: Float32Array, b: Float32Array): number {
  let least = Infinity
  for (let dy = 0; dy < 12; dy++) {
    for (let dx = 0; dx < 12; dx++) {
      let sum = 0, count = 0
      for (let y = 0; y + dy < AREA; y += 2) {
        for (let x = 0; x + dx < AREA; x++, count++) sum += Math.abs(a[y * AREA + x] - b[(y + dy) * AREA + x + dx])
      }
      least = Math.min(least, sum / count)
    }
  }
  return least
}

test('every two patterns, and each and both hatchings, differ by more than a tenth of what the strongest changes', () => {
  for (const grey of GREYS) {
    const looks = new Map<string, Float32Array>(PATTERNS.map((pattern) => [pattern, patch(patternTile(pattern, 1), patternSide(1), grey)]))
    for (const kind of ['draft', 'suggestion'] as const) looks.set(kind, patch(hatchTile(kind, '#e19669', 1), hatchSide(kind, 1), grey))
    const strongest = Math.max(...[...looks.values()].map((look) => apart(look, looks.get('plain')!)))
    const names = [...looks.keys()]
    for (const [n, a] of names.entries()) {
      for (const b of names.slice(n + 1)) {
        const share = apart(looks.get(a)!, looks.get(b)!) / strongest
        assert.ok(share >= 0.1, `${a} and ${b} on ${grey}: ${share.toFixed(2)}`)
      }
    }
  }
})

test('a tile fits to itself at every resolution, and the ninth label begins again', () => {
  for (const ratio of [1, 1.25, 1.5, 2, 3]) for (const pattern of PATTERNS) assert.equal(patternTile(pattern, ratio).length, 4 * patternSide(ratio) ** 2)
  assert.equal(patternAt(0), 'plain')
  assert.equal(patternAt(9), patternAt(1))
})
