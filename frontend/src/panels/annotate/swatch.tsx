// The look of a label beside its name: its colour, and its marks where labels have such.

import type { LabelState } from '../../annotate/annotator.ts'
import { patternSide, patternTile, type Pattern } from '../../viewer/pattern.ts'

const addresses = new Map<Pattern, string>()

/** The very tile of the picture, as an address that styles understand. */
function addressOf(pattern: Pattern): string {
  let address = addresses.get(pattern)
  if (address === undefined) {
    const side = patternSide(2), canvas = document.createElement('canvas')
    canvas.width = canvas.height = side
    canvas.getContext('2d')!.putImageData(new ImageData(patternTile(pattern, 2), side, side), 0, 0)
    address = canvas.toDataURL()
    addresses.set(pattern, address)
  }
  return address
}

export function Swatch({ label: { color, pattern } }: { label: LabelState }) {
  const marks = pattern === 'plain' ? {} : { backgroundImage: `url(${addressOf(pattern)})`, backgroundSize: `${patternSide(1)}px` }
  return <span class="swatch" style={{ backgroundColor: color, ...marks }} />
}
