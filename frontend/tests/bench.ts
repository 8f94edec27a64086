// Processor time of the work behind one frame, without the canvas: `npm run bench`. A frame has 16 ms.
import { compose } from '../src/viewer/compose.ts'
import { slicePoint } from '../src/viewer/geometry.ts'
import { ByteMask, fromCoco, toCoco } from '../src/viewer/mask.ts'
import { Scene } from '../src/viewer/scene.ts'
import { createLut, fillLut } from '../src/viewer/windowing.ts'
import { LIVER, KIDNEY, openSession, show, volume } from './viewer/support.ts'

const RUNS = 200

function median(name: string, work: (run: number) => void): void {
  const times: number[] = []
  for (let run = 0; run < RUNS; run++) {
    const start = process.cpuUsage()
    work(run)
    times.push(process.cpuUsage(start).user / 1000)
  }
  times.sort((a, b) => a - b)
  const at = (share: number) => times[Math.floor(share * RUNS)].toFixed(2).padStart(7)
  console.log(`${name.padEnd(58)} median ${at(0.5)} ms   95th ${at(0.95)} ms`)
}

for (const side of [512, 1024, 2048]) {
  const disc = (cx: number, cy: number, r: number) => {
    const mask = new ByteMask(side, side)
    for (let y = 0; y < side; y++) for (let x = 0; x < side; x++) mask.bytes[y * side + x] = Math.hypot(x - cx, y - cy) < r + 9 * Math.sin(x / 7) ? 1 : 0
    mask.box = { x0: 0, y0: 0, x1: side - 1, y1: side - 1 }
    return mask.toMask()
  }
  const { session } = openSession(volume({ shapeKji: [5, side, side] }))
  show(session, 2)
  session.edits.replaceMask(LIVER, 2, disc(side / 3, side / 2, side / 4))
  session.edits.replaceMask(KIDNEY, 2, disc(side / 1.5, side / 2, side / 6))
  const image = session.view.image.value!
  const lut = createLut(image.data)
  const words = new Int32Array(side * side)
  const scene = new Scene(session, session.view)

  median(`${side}: window changed (table, pass, two masks)`, (run) => {
    fillLut(lut, { width: 400 + run, center: 40 }, false)
    compose(image, lut, scene.masks().layers, words)
  })
  session.strokes.setRadiusMm(side / 40)
  session.strokes.begin(slicePoint(side / 4, side / 4), false)
  median(`${side}: stroke frame (paint, outlines, what was touched)`, (run) => {
    session.strokes.extend(slicePoint(side / 4 + (run % 100), side / 4 + run))
    const { layers, changed } = scene.masks()
    compose(image, lut, layers, words, changed ?? undefined)
  })
  median(`${side}: stroke ends (encode, flips, revision)`, () => {
    session.strokes.end()
    session.strokes.begin(slicePoint(side / 2, side / 3), true)
  })
  session.strokes.cancel()
  const rle = toCoco(session.masks.get(LIVER, 2))
  const bytes = new ByteMask(side, side)
  median(`${side}: answer decoded (text to bytes)`, () => bytes.load(fromCoco(rle)))
}
