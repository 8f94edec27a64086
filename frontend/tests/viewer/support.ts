// Small volumes and sessions for tests. No DOM, no server.
import { screenPoint, toScreen } from '../../src/viewer/camera.ts'
import { slicePoint, type Affine, type AxisLetter, type AxisLetters, type Triple } from '../../src/viewer/geometry.ts'
import { ByteMask, type Mask } from '../../src/viewer/mask.ts'
import { Session, type Accepted, type SessionOptions } from '../../src/viewer/session.ts'
import type { RawPointer } from '../../src/viewer/tools/host.ts'
import type { ViewedVolume } from '../../src/viewer/view_state.ts'

const DIRECTION: Readonly<Record<AxisLetter, readonly [x: number, y: number, z: number]>> = {
  L: [1, 0, 0], R: [-1, 0, 0], P: [0, 1, 0], A: [0, -1, 0], S: [0, 0, 1], I: [0, 0, -1],
}

/** All 48 ways in which k, j, i can run along the patient. */
export function allOrientations(): AxisLetters[] {
  const pairs: readonly (readonly AxisLetter[])[] = [['L', 'R'], ['A', 'P'], ['S', 'I']]
  const orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]]
  return orders.flatMap(([a, b, c]) =>
    pairs[a].flatMap((k) => pairs[b].flatMap((j) => pairs[c].map((i): AxisLetters => [k, j, i]))))
}

export function volume(
  { shapeKji = [5, 24, 32], spacingKjiMm = [3, 1, 1], axisLetters = ['S', 'P', 'L'] }:
  { shapeKji?: Triple; spacingKjiMm?: Triple; axisLetters?: AxisLetters } = {},
): ViewedVolume {
  const columns = axisLetters.map((letter, axis) => DIRECTION[letter].map((part) => part * spacingKjiMm[axis]))
  const affineLps: Affine = [0, 1, 2].map((row) => [columns[0][row], columns[1][row], columns[2][row], 0])
  return { shapeKji, spacingKjiMm, axisLetters, affineLps, channels: 1, valueRange: [0, 100], sidesKnown: true, sizesKnown: true, unit: 'HU' }
}

export const LIVER = 'label-liver'
export const KIDNEY = 'label-kidney'

/** A session with two labels, a viewport, and the visible slice loaded (values 0..). `accepted` grows as revisions leave. */
export function openSession(
  viewed: ViewedVolume = volume(), listeners: Pick<SessionOptions, 'exclusive' | 'onDecision' | 'onWork' | 'onMeasured'> = {},
): { session: Session; accepted: Accepted[] } {
  const accepted: Accepted[] = []
  let ids = 0
  const session = new Session({
    volume: viewed, window: { width: 100, center: 50 },
    newId: () => `revision-${++ids}`, onAccepted: (revision) => accepted.push(revision), ...listeners,
  })
  session.setLabels([
    { id: LIVER, name: 'liver', color: '#ff0000', value: 1, shortcut: null },
    { id: KIDNEY, name: 'kidney', color: '#0000ff', value: 2, shortcut: null },
  ])
  session.view.viewport.value = { width: 640, height: 480 }
  show(session, 2)
  return { session, accepted }
}

/** Goes to a slice of the acquisition plane and lets its picture arrive. */
export function show(session: Session, index: number): void {
  const [, rows, columns] = session.view.volume.shapeKji
  session.view.setAxis(0)
  session.view.setSlice(index)
  const data = Int16Array.from({ length: rows * columns }, (_, n) => n % columns)
  session.view.loaded.value = { axis: 0, index, image: { rows, columns, channels: 1, data } }
}

/** A pointer over a voxel of the visible slice. */
export function over(session: Session, column: number, row: number, keys: Partial<RawPointer> = {}): RawPointer {
  return { screen: toScreen(session.view.view.value, slicePoint(column, row)), alt: false, ctrl: false, shift: false, ...keys }
}

export function moved(raw: RawPointer, dx: number, dy: number): RawPointer {
  return { ...raw, screen: screenPoint(raw.screen[0] + dx, raw.screen[1] + dy) }
}

/** '01' rows to a mask. */
export function maskOf(rows: readonly string[]): Mask {
  return bytesOf(rows).toMask()
}

export function bytesOf(rows: readonly string[]): ByteMask {
  const mask = new ByteMask(rows.length, rows[0].length)
  rows.forEach((row, y) => [...row].forEach((bit, x) => { mask.bytes[y * mask.columns + x] = Number(bit) }))
  mask.box = { x0: 0, y0: 0, x1: mask.columns - 1, y1: mask.rows - 1 }
  return mask
}

export function rowsOf(mask: Mask): string[] {
  const bytes = new ByteMask(mask.rows, mask.columns).load(mask)
  return Array.from({ length: mask.rows }, (_, y) => bytes.bytes.subarray(y * mask.columns, (y + 1) * mask.columns).join(''))
}

/** A filled rectangle, both ends inside. */
export function rectangle(rows: number, columns: number, x0: number, y0: number, x1: number, y1: number): Mask {
  const bytes = new ByteMask(rows, columns)
  for (let y = y0; y <= y1; y++) bytes.bytes.fill(1, y * columns + x0, y * columns + x1 + 1)
  bytes.box = { x0, y0, x1, y1 }
  return bytes.toMask()
}
