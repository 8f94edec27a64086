// The palette of labels, measured as people see it who have all cones, or lack red, green or blue ones: how far the two
// nearest colours lie apart in OKLab. What lacks a cone is simulated as Machado and others did (2009, severity 1).
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'

import { colorDistance, LABEL_PALETTE } from '../../src/panels/palette.ts'

const SIGHTS: Readonly<Record<string, readonly (readonly number[])[]>> = {
  all: [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
  'no red': [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
  'no green': [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
  'no blue': [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]],
}

const linear = (value: number) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4)
const encoded = (value: number) => (value <= 0.0031308 ? 12.92 * value : 1.055 * value ** (1 / 2.4) - 0.055)

function seen(hex: string, sight: string): string {
  const rgb = [1, 3, 5].map((at) => linear(parseInt(hex.slice(at, at + 2), 16) / 255))
  const shown = SIGHTS[sight].map((row) => row[0] * rgb[0] + row[1] * rgb[1] + row[2] * rgb[2])
  return `#${shown.map((value) => Math.round(255 * encoded(Math.min(1, Math.max(0, value)))).toString(16).padStart(2, '0')).join('')}`
}

function nearest(colors: readonly string[], sight: string): number {
  const looks = colors.map((color) => seen(color, sight))
  return Math.min(...looks.flatMap((a, n) => looks.slice(n + 1).map((b) => colorDistance(a, b))))
}

test('every two colours stay apart for every sight, the first ones most', () => {
  for (const sight of Object.keys(SIGHTS)) {
    for (const [count, least] of [[4, 0.2], [6, 0.18], [8, 0.105], [12, 0.09]] as const) {
      const apart = nearest(LABEL_PALETTE.slice(0, count), sight)
      assert.ok(apart >= least, `${sight}: of ${count} colours the nearest two are ${apart.toFixed(3)} apart`)
    }
  }
})

test('none looks grey', () => {
  for (const color of LABEL_PALETTE) {
    const greys = Array.from({ length: 256 }, (_, n) => `#${n.toString(16).padStart(2, '0').repeat(3)}`)
    assert.ok(Math.min(...greys.map((grey) => colorDistance(color, grey))) >= 0.09, color)
  }
})

test('the command line begins with the same colours', () => {
  const source = readFileSync(new URL('../../../backend/cli/labels.py', import.meta.url), 'utf8')
  const colors = [...source.split('COLORS = (')[1].split(')')[0].matchAll(/"(#[0-9a-f]{6})"/g)].map((match) => match[1])
  assert.deepEqual(colors, LABEL_PALETTE.slice(0, colors.length))
})
