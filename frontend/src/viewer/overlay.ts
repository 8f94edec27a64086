// What lies over the picture, as draw commands in screen coordinates: prompts, box, brush, crosshair, letters, scale bar,
// measurements. A function of the session and one of its panes; renderer.ts puts the commands on a canvas.
import { toScreen } from './camera.ts'
import { traceRings } from './contour.ts'
import { planeOf, sliceAxes, sliceOf, slicePoint, type ScreenPoint, type SlicePoint } from './geometry.ts'
import { ByteMask, type Mask } from './mask.ts'
import { figuresOf, linesOf, type Figures, type Measuring } from './measuring.ts'
import type { Session } from './session.ts'
import { corners, gripAt } from './tools/grip.ts'
import { paints } from './tools/host.ts'
import type { PlaneName, ViewState } from './view_state.ts'

/** Small while nobody has touched them, raised for the newest and for the one under the pointer. */
export type PromptSize = 'small' | 'plain' | 'raised'

export type Draw =
  | { readonly kind: 'line'; readonly from: ScreenPoint; readonly to: ScreenPoint; readonly color: string; readonly width: number; readonly dashed?: boolean }
  | { readonly kind: 'path'; readonly points: readonly ScreenPoint[]; readonly color: string; readonly width?: number; readonly dashed?: boolean }
  | { readonly kind: 'rect'; readonly from: ScreenPoint; readonly to: ScreenPoint; readonly color: string; readonly dashed?: boolean }
  | { readonly kind: 'ellipse'; readonly at: ScreenPoint; readonly radiusX: number; readonly radiusY: number; readonly color: string }
  | { readonly kind: 'prompt'; readonly at: ScreenPoint; readonly positive: boolean; readonly size: PromptSize }
  /** The picture, larger, in a disc. */
  | { readonly kind: 'lens'; readonly at: ScreenPoint; readonly radius: number; readonly factor: number }
  | { readonly kind: 'text'; readonly at: ScreenPoint; readonly text: string; readonly color: string; readonly align: 'left' | 'center' | 'right' }

/** As in 3D Slicer and OHIF: the line of a plane has the plane's colour. */
export const PLANE_COLORS: Readonly<Record<PlaneName, string>> = {
  axial: '#f0503c', sagittal: '#e6c832', coronal: '#50c878', xy: '#f0503c', yz: '#e6c832', xz: '#50c878',
}

/** As the discs of points are coloured (renderer.ts); the sign tells them apart, too. */
export const POSITIVE = '#3ddc84'
export const NEGATIVE = '#ff6b6b'
const WHITE = '#f2f4f7'
const ERASER = '#ffb4a8'
const MEASURED = '#ffe066'
const LINKED = '#8fd0ff'
const EDGE_PX = 18
/** What stands over a picture's upper edge reaches its middle where it is not as wide as this; below the other width it
 *  takes two rows over the main one. */
const CONTROLS_PX = 840
const NARROW_PX = 460
const CONTROLS_ROW_PX = 36
const CROSSHAIR_GAP_PX = 12
const LENS_PX = 110
/** About as wide as a letter of the renderer's font, and how far figures stand from what was measured. */
const LETTER_PX = 8.5
const BESIDE_PX = 10
const LENS_FACTOR = 2.5

export function drawOverlay(session: Session, view: ViewState = session.view): readonly Draw[] {
  const out: Draw[] = []
  if (view.viewport.value.width === 0) return out
  if (session.magnifier.value && view.pointer.value) {
    out.push({ kind: 'lens', at: view.pointer.value, radius: LENS_PX, factor: LENS_FACTOR })
  }
  if (view.crosshair.value || session.tool.value === 'probe') crosshair(view, out)
  if (view.volume.sidesKnown) letters(view, view === session.view, out)
  if (view.volume.sizesKnown) scaleBar(view, out)
  measurements(session, view, out)
  if (view === session.view) {
    prompts(session, out)
  }
  brush(session, view, out)
  keyboardPointer(view, out)
  linkedPointer(view, out)
  return out
}

function prompts(session: Session, out: Draw[]): void {
  const view = session.view.view.value
  const draft = session.draft.value
  const hidden = session.suggestion.value !== null && !session.isVisible(session.suggestion.value.labelId)
  const shown = hidden ? [] : session.prompts.value
  const color = labelColor(session, draft?.labelId ?? session.activeLabelId.value)
  const under = shown.length > 0 && !session.grabbed.value && session.view.pointer.value ? gripAt(session, session.view.pointer.value) : null
  const held = session.grabbed.value?.grip.index ?? under?.index ?? (draft ? shown.length - 1 : -1)
  const suggested = hidden ? null : draft?.suggested ?? session.suggestion.value
  for (const box of suggested?.instanceBoxes ?? []) {
    const [from, , to] = corners(box).map((corner) => toScreen(view, corner))
    out.push({ kind: 'rect', from, to, color, dashed: true })
  }
  for (const [n, prompt] of shown.entries()) {
    if (prompt.kind === 'box') {
      const [from, , to] = corners(prompt).map((corner) => toScreen(view, corner))
      out.push({ kind: 'rect', from, to, color })
      if (n === held) for (const at of corners(prompt)) out.push({ kind: 'ellipse', at: toScreen(view, at), radiusX: 4, radiusY: 4, color })
    } else if (prompt.kind === 'scribble' || prompt.kind === 'lasso') {
      const line = prompt.points.map(([x, y]) => toScreen(view, slicePoint(x, y)))
      if (prompt.kind === 'lasso') out.push({ kind: 'path', points: [...line, line[0]], color, width: n === held ? 2.5 : 1.5, dashed: true })
      else {
        out.push({ kind: 'path', points: line, color: prompt.positive ? POSITIVE : NEGATIVE, width: n === held ? 4 : 3 })
        out.push({ kind: 'prompt', at: line[Math.floor(line.length / 2)], positive: prompt.positive, size: 'small' })
      }
    } else {
      const at = toScreen(view, slicePoint(prompt.x, prompt.y))
      out.push({ kind: 'prompt', at, positive: prompt.positive, size: n === held ? 'raised' : draft ? 'plain' : 'small' })
    }
  }
  const outline = session.outline.value
  if (outline && outline.slice === session.view.slice.value && session.view.axis.value === 0) {
    out.push({ kind: 'path', points: outline.points.map((p) => toScreen(view, p)), color: session.tool.value === 'scissors' ? ERASER : WHITE })
    for (const anchor of outline.anchors) out.push({ kind: 'ellipse', at: toScreen(view, anchor), radiusX: 3, radiusY: 3, color: WHITE })
  }
  region(session, session.traced.value, color, false, out)
  region(session, session.preview.value, color, true, out)
  region(session, session.foreseen.value, WHITE, true, out)
  const band = session.rubberBand.value
  if (band) out.push({ kind: 'rect', from: toScreen(view, band.from), to: toScreen(view, band.to), color, dashed: true })
}

/** The outline of voxels that nobody has taken yet. */
function region(session: Session, shown: { readonly slice: number; readonly mask: Mask } | null, color: string, dashed: boolean, out: Draw[]): void {
  const view = session.view.view.value
  if (shown === null || shown.slice !== session.view.slice.value || session.view.axis.value !== 0) return
  const { bytes, columns, rows, box } = new ByteMask(shown.mask.rows, shown.mask.columns).load(shown.mask)
  for (const ring of traceRings(bytes, columns, rows, box)) {
    const points = Array.from({ length: ring.length / 2 + 1 }, (_, n) => toScreen(view, slicePoint(ring[(2 * n) % ring.length], ring[(2 * n + 1) % ring.length])))
    out.push({ kind: 'path', points, color, dashed })
  }
}

function brush(session: Session, view: ViewState, out: Draw[]): void {
  const tool = session.tool.value
  if (!session.canPaint.value || !paints(tool)) return
  const at = view.pointer.value // read last: nothing else is drawn again for a pointer that moves
  if (!at) return
  const radius = session.strokes.radiusMm.value * view.view.value.camera.zoom // round in millimetres, so round on the screen
  const color = tool === 'eraser' ? ERASER : labelColor(session, session.draft.value?.labelId ?? session.activeLabelId.value)
  const p = (dx: number, dy: number) => [at[0] + dx * radius, at[1] + dy * radius] as unknown as ScreenPoint
  const { shape, followsEdges } = session.strokes
  if (shape.value === 'square') out.push({ kind: 'rect', from: p(-1, -1), to: p(1, 1), color })
  else out.push({ kind: 'ellipse', at, radiusX: radius, radiusY: radius, color })
  if (shape.value === 'ball') out.push({ kind: 'ellipse', at, radiusX: radius, radiusY: radius / 3, color })
  if (followsEdges.value) out.push({ kind: 'ellipse', at, radiusX: 2, radiusY: 2, color })
}

function keyboardPointer(view: ViewState, out: Draw[]): void {
  const at = view.pointerByKeys.value ? view.pointer.value : null
  if (!at) return
  const p = (dx: number, dy: number) => [at[0] + dx, at[1] + dy] as unknown as ScreenPoint
  for (const [dx, dy] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
    out.push({ kind: 'line', from: p(4 * dx, 4 * dy), to: p(14 * dx, 14 * dy), color: WHITE, width: 2 })
  }
}

/** The place that is pointed at in a picture beside this one. */
function linkedPointer(view: ViewState, out: Draw[]): void {
  const point = view.pointedAt.value
  if (point === null) return
  const at = toScreen(view.view.value, point)
  const p = (dx: number, dy: number) => [at[0] + dx, at[1] + dy] as unknown as ScreenPoint
  for (const [dx, dy] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
    out.push({ kind: 'line', from: p(3 * dx, 3 * dy), to: p(9 * dx, 9 * dy), color: LINKED, width: 1.5 })
  }
}

function crosshair(view: ViewState, out: Draw[]): void {
  const axis = view.axis.value
  const { row, column } = sliceAxes(axis)
  const { point } = sliceOf(view.crossing.value, axis)
  const { rows, columns } = view.shape.value
  const screen = (p: SlicePoint) => toScreen(view.view.value, p)
  const at = screen(point)
  // The line along the columns shows the plane of fixed row index, and the other way round.
  const ends: [SlicePoint, typeof row][] = [
    [slicePoint(-0.5, point[1]), row], [slicePoint(columns - 0.5, point[1]), row],
    [slicePoint(point[0], -0.5), column], [slicePoint(point[0], rows - 0.5), column],
  ]
  for (const [end, fixed] of ends) {
    const from = screen(end)
    const length = Math.hypot(at[0] - from[0], at[1] - from[1])
    if (length <= CROSSHAIR_GAP_PX) continue
    const share = 1 - CROSSHAIR_GAP_PX / length
    const to = [from[0] + (at[0] - from[0]) * share, from[1] + (at[1] - from[1]) * share] as unknown as ScreenPoint
    out.push({ kind: 'line', from, to, color: PLANE_COLORS[planeOf(view.volume, fixed)], width: 1 })
  }
}

/** `main`: the controls of all pictures stand over it. */
function letters(view: ViewState, main: boolean, out: Draw[]): void {
  const { left, right, top, bottom } = view.letters.value
  const { width, height } = view.viewport.value
  const put = (text: string, x: number, y: number) =>
    out.push({ kind: 'text', text, at: [x, y] as unknown as ScreenPoint, color: WHITE, align: 'center' })
  put(left, EDGE_PX, height / 2)
  put(right, width - EDGE_PX, height / 2)
  const rows = width >= CONTROLS_PX ? 0 : width >= NARROW_PX || !main ? 1 : 2
  put(top, width / 2, EDGE_PX + rows * CONTROLS_ROW_PX)
  put(bottom, width / 2, height - EDGE_PX)
}

const BAR_PX = 120

/** The longest of 1, 2, 5, 10, 20 ... mm that is not longer than BAR_PX. */
export function scaleBarMm(pxPerMm: number): number {
  const most = BAR_PX / pxPerMm
  const power = 10 ** Math.floor(Math.log10(most))
  return power * (most / power >= 5 ? 5 : most / power >= 2 ? 2 : 1)
}

export function formatMm(mm: number): string {
  return mm >= 10 ? `${trim(mm / 10)} cm` : mm >= 0.1 ? `${trim(mm)} mm` : `${trim(mm * 1000)} µm`
}

function trim(value: number): string {
  return String(Number(value.toFixed(2)))
}

function scaleBar(view: ViewState, out: Draw[]): void {
  const { height } = view.viewport.value
  const pxPerMm = view.view.value.camera.zoom
  const mm = scaleBarMm(pxPerMm)
  const x = EDGE_PX, y = height - EDGE_PX, length = mm * pxPerMm
  const p = (dx: number, dy: number) => [x + dx, y + dy] as unknown as ScreenPoint
  out.push({ kind: 'line', from: p(0, 0), to: p(length, 0), color: WHITE, width: 1.5 })
  out.push({ kind: 'line', from: p(0, -4), to: p(0, 4), color: WHITE, width: 1.5 })
  out.push({ kind: 'line', from: p(length, -4), to: p(length, 4), color: WHITE, width: 1.5 })
  out.push({ kind: 'text', text: formatMm(mm), at: p(length / 2, -12), color: WHITE, align: 'center' })
}

function measurements(session: Session, view: ViewState, out: Draw[]): void {
  const here = ({ axis, index }: Measuring) => axis === view.axis.value && index === view.slice.value
  for (const kept of session.measurements.value) if (here(kept)) measured(view, kept, kept.figures, out)
  const now = view.measuring.value
  if (now && here(now)) measured(view, now, figuresOf(view.volume, now), out)
}

function measured(view: ViewState, { kind, points }: Measuring, figures: Figures, out: Draw[]): void {
  const screen = (p: SlicePoint) => toScreen(view.view.value, p)
  const line = (a: SlicePoint, b: SlicePoint) => out.push({ kind: 'line', from: screen(a), to: screen(b), color: MEASURED, width: 1.5 })
  if (kind === 'rectangle' || kind === 'ellipse') {
    const from = screen(points[0]), to = screen(points[1])
    if (kind === 'rectangle') out.push({ kind: 'rect', from, to, color: MEASURED })
    else {
      const at = [(from[0] + to[0]) / 2, (from[1] + to[1]) / 2] as unknown as ScreenPoint
      out.push({ kind: 'ellipse', at, radiusX: Math.abs(to[0] - from[0]) / 2, radiusY: Math.abs(to[1] - from[1]) / 2, color: MEASURED })
    }
  } else if (kind === 'bidirectional') {
    line(points[0], points[1])
    if (points.length === 4) line(points[2], points[3])
  } else for (let n = 1; n < points.length; n++) line(points[n - 1], points[n])
  if (kind !== 'rectangle' && kind !== 'ellipse') for (const p of points) out.push({ kind: 'ellipse', at: screen(p), radiusX: 2.5, radiusY: 2.5, color: MEASURED })
  const [x, y] = screen(points[1])
  const lines = linesOf(figures, view.volume.unit, view.volume.sizesKnown)
  const wide = LETTER_PX * Math.max(...lines.map((text) => text.length)) + BESIDE_PX
  const { width } = view.viewport.value
  const align = x + wide > width && x - wide > 0 ? 'right' : 'left' // where it is not cut off
  for (const [n, text] of lines.entries()) {
    const at = [align === 'left' ? x + BESIDE_PX : x - BESIDE_PX, y - 12 + 18 * n] as unknown as ScreenPoint
    out.push({ kind: 'text', text, at, color: MEASURED, align })
  }
}

function labelColor(session: Session, labelId: string | null): string {
  return session.labels.value.find((label) => label.id === labelId)?.color ?? WHITE
}
