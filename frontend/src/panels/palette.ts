// Colours for new labels. They were searched for so that every two of them, and above all the first ones, stay apart for
// people who see all colours and for those who lack red, green or blue cones (tests/pages/palette.test.ts measures that),
// and so that each is bright and coloured enough on a grey picture.

export const LABEL_PALETTE = [
  '#e19669', // copper
  '#694bff', // indigo
  '#78ffff', // cyan
  '#c32d78', // raspberry
  '#f0f000', // yellow
  '#96a5f0', // periwinkle
  '#a57800', // bronze
  '#f04ba5', // pink
  '#a5e196', // light green
  '#e1c300', // gold
  '#0fd2c3', // turquoise
  '#6987f0', // cornflower
] as const

/** Nearer than this (in OKLab), two masks beside each other look alike. */
export const LOOKS_ALIKE = 0.1

/** The first palette colour that looks like none in use; when there is none, the one that is used least. */
export function nextColor(used: readonly string[]): string {
  const fresh = LABEL_PALETTE.find((color) => used.every((other) => colorDistance(color, other) >= LOOKS_ALIKE))
  if (fresh) return fresh
  const uses = (color: string) => used.filter((other) => other.toLowerCase() === color).length
  return LABEL_PALETTE.reduce((best, color) => (uses(color) < uses(best) ? color : best))
}

/** The lowest digit key "1" to "9" that is free, or null when all nine are taken. */
export function nextShortcut(used: ReadonlyArray<string | null | undefined>): string | null {
  for (let digit = 1; digit <= 9; digit += 1) {
    if (!used.includes(String(digit))) return String(digit)
  }
  return null
}

/** How far two colours lie apart as eyes see them: distance in the OKLab space, 0 to about 1. */
export function colorDistance(a: string, b: string): number {
  const [first, second] = [okLab(a), okLab(b)]
  return Math.hypot(...first.map((value, at) => value - second[at]!))
}

function okLab(hex: string): readonly [number, number, number] {
  const [r, g, b] = [1, 3, 5].map((at) => linear(parseInt(hex.slice(at, at + 2), 16) / 255)) as [number, number, number]
  const l = Math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b)
  const m = Math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b)
  const s = Math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b)
  return [
    0.2104542553 * l + 0.793617785 * m - 0.0040720468 * s,
    1.9779984951 * l - 2.428592205 * m + 0.4505937099 * s,
    0.0259040371 * l + 0.7827717662 * m - 0.808675766 * s,
  ]
}

function linear(channel: number): number {
  return channel <= 0.04045 ? channel / 12.92 : ((channel + 0.055) / 1.055) ** 2.4
}
