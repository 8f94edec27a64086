import assert from 'node:assert/strict'
import { test } from 'node:test'

import { slicePoint } from '../../src/viewer/geometry.ts'
import { compose } from '../../src/viewer/compose.ts'
import { area, EMPTY_BOX, sameMask } from '../../src/viewer/mask.ts'
import { drawOverlay, formatMm, scaleBarMm } from '../../src/viewer/overlay.ts'
import { Scene } from '../../src/viewer/scene.ts'
import { screenPoint } from '../../src/viewer/camera.ts'
import { createLut, fillLut } from '../../src/viewer/windowing.ts'
import { KIDNEY, LIVER, openSession, over, rectangle, show, volume } from './support.ts'

const rect = (x0: number, y0: number, x1: number, y1: number) => rectangle(24, 32, x0, y0, x1, y1)

test('visible labels are layers in label order; hidden ones are not there', () => {
  const { session } = openSession()
  const scene = new Scene(session, session.view)
  session.edits.replaceMask(LIVER, 2, rect(0, 0, 5, 5))
  session.edits.replaceMask(KIDNEY, 2, rect(4, 4, 9, 9))
  assert.deepEqual(scene.masks().layers.map((layer) => layer.color), [0xff0000, 0x0000ff])
  session.setLabelVisible(LIVER, false)
  assert.deepEqual(scene.masks().outlines.map((outline) => outline.color), ['#0000ff'])
  session.masksVisible.value = false
  assert.deepEqual(scene.masks().layers, [])
})

test('what is shown follows the masks from slice to slice', () => {
  const { session } = openSession()
  const scene = new Scene(session, session.view)
  session.edits.replaceMask(LIVER, 2, rect(0, 0, 5, 5))
  session.edits.replaceMask(LIVER, 3, rect(10, 10, 12, 12))
  assert.equal(area(scene.masks().layers[0].mask.toMask()), 36)
  assert.equal(scene.masks().outlines[0].rings.length, 1)
  show(session, 3)
  assert.ok(sameMask(scene.masks().layers[0].mask.toMask(), rect(10, 10, 12, 12)))
  assert.deepEqual([...scene.masks().outlines[0].rings[0]], [12.5, 9.5, 12.5, 12.5, 9.5, 12.5, 9.5, 9.5])
  show(session, 4)
  assert.deepEqual(scene.masks().layers, [])
  session.view.setAxis(2)
  session.view.setSlice(11)
  assert.equal(area(scene.masks().layers[0].mask.toMask()), 3)
})

test('a proposal is an outline of its own, in place of the object that it re-opened', () => {
  const { session } = openSession()
  const scene = new Scene(session, session.view)
  session.edits.replaceMask(LIVER, 2, rect(0, 0, 5, 5))
  session.addPrompt({ kind: 'point', x: 2, y: 2, positive: true }, false)
  assert.deepEqual(scene.masks().layers, [])
  assert.deepEqual(scene.masks().outlines.map((outline) => outline.kind), ['draft'])
  session.reject()
  assert.deepEqual(scene.masks().outlines.map((outline) => outline.kind), ['accepted'])
})

test('what a stroke did not touch need not be drawn again: the pixels are those of the whole', () => {
  for (const [erase, edges] of [[false, false], [true, false], [false, true]] as const) {
    const { session } = openSession()
    const image = session.view.image.value!
    session.edits.replaceMask(LIVER, 2, rect(4, 4, 20, 15))
    session.edits.replaceMask(KIDNEY, 2, rect(12, 8, 28, 20))
    const scene = new Scene(session, session.view), lut = createLut(image.data)
    fillLut(lut, { width: 40, center: 20 }, false)
    const kept = new Int32Array(24 * 32), whole = new Int32Array(24 * 32)
    const draw = () => {
      const { layers, changed } = scene.masks()
      compose(image, lut, layers, kept, changed ?? undefined)
      compose(image, lut, layers, whole)
      assert.deepEqual(kept, whole)
      return changed
    }
    assert.equal(draw(), null)
    session.strokes.setRadiusMm(2)
    if (edges) session.strokes.setFollowsEdges(true)
    session.strokes.begin(slicePoint(6, 6), erase)
    assert.equal(draw(), null) // the stroke takes the label's place
    for (const [x, y] of [[8, 7], [12, 10], [11, 18], [30, 22]]) {
      session.strokes.extend(slicePoint(x - 1, y))
      session.strokes.extend(slicePoint(x, y)) // two steps in one frame
      const changed = draw()
      assert.ok(changed !== null && changed.x1 - changed.x0 < 24 && changed.x1 >= changed.x0, JSON.stringify(changed))
    }
    assert.deepEqual(draw(), EMPTY_BOX)
    session.setLabelVisible(KIDNEY, false)
    assert.equal(draw(), null)
    session.strokes.end()
    assert.equal(draw(), null)
    session.setOpacity(0.9)
    assert.equal(draw(), null)
  }
})

test('a running stroke is shown before it is a revision', () => {
  const { session, accepted } = openSession()
  const scene = new Scene(session, session.view)
  session.strokes.setRadiusMm(0.4)
  session.strokes.begin(slicePoint(3, 3), false)
  session.strokes.extend(slicePoint(6, 3))
  assert.equal(area(scene.masks().layers[0].mask.toMask()), 4)
  assert.equal(accepted.length, 0)
  session.strokes.cancel()
  assert.deepEqual(scene.masks().layers, [])
})

test('the overlay shows prompts by sign, the box, the brush in millimetres, and letters from the geometry', () => {
  const { session } = openSession()
  session.addPrompt({ kind: 'box', x0: 2, y0: 3, x1: 8, y1: 9 }, false)
  session.addPrompt({ kind: 'point', x: 5, y: 5, positive: true }, false)
  session.addPrompt({ kind: 'point', x: 9, y: 5, positive: false }, false)
  session.tool.value = 'brush'
  session.strokes.setRadiusMm(2)
  session.view.pointer.value = screenPoint(100, 100)
  const draws = drawOverlay(session)
  assert.deepEqual(draws.filter((d) => d.kind === 'prompt').map((d) => d.positive), [true, false])
  assert.deepEqual(draws.filter((d) => d.kind === 'prompt')[0].at, over(session, 5, 5).screen)
  const rectangleDrawn = draws.find((d) => d.kind === 'rect')!
  assert.deepEqual([rectangleDrawn.from, rectangleDrawn.to], [over(session, 1.5, 2.5).screen, over(session, 8.5, 9.5).screen])
  const disc = draws.find((d) => d.kind === 'ellipse')!
  assert.equal(disc.radiusX, 2 * session.view.view.value.camera.zoom)
  const letters = draws.filter((d) => d.kind === 'text' && d.text.length === 1)
  assert.deepEqual(letters.map((d) => d.kind === 'text' && d.text), ['R', 'L', 'A', 'P'])
})

test('letters need known sides and the scale bar known sizes; what is measured is then counted in pixels', () => {
  const words = (known: { sidesKnown: boolean; sizesKnown: boolean }) => {
    const { session } = openSession({ ...volume(), ...known })
    session.view.measuring.value = { kind: 'length', axis: 0, index: 2, points: [slicePoint(2, 3), slicePoint(5, 7)] }
    return drawOverlay(session).flatMap((d) => (d.kind === 'text' ? [d.text] : []))
  }
  assert.deepEqual(words({ sidesKnown: true, sizesKnown: true }), ['R', 'L', 'A', 'P', '5 mm', '5.0 mm'])
  assert.deepEqual(words({ sidesKnown: false, sizesKnown: true }), ['5 mm', '5.0 mm'])
  assert.deepEqual(words({ sidesKnown: false, sizesKnown: false }), ['5.0 px'])
})

test('figures that would be cut off at the right edge stand left of what was measured', () => {
  const { session } = openSession()
  const alignOf = (column: number) => {
    session.view.measuring.value = { kind: 'length', axis: 0, index: 2, points: [slicePoint(8, 4), slicePoint(column, 4)] }
    const figures = drawOverlay(session).find((d) => d.kind === 'text' && d.text.endsWith(' mm') && d.color === '#ffe066')
    return figures?.kind === 'text' ? figures.align : null
  }
  assert.deepEqual([alignOf(12), alignOf(31)], ['left', 'right'])
})

test('the crosshair is where the other planes are, in their colours', () => {
  const { session } = openSession()
  session.view.crosshair.value = true
  session.view.setPosition([2, 6, 20])
  const lines = drawOverlay(session).filter((d) => d.kind === 'line' && d.width === 1)
  const at = over(session, 20, 6).screen
  assert.equal(lines.length, 4)
  for (const line of lines) {
    if (line.kind !== 'line') continue
    const horizontal = line.color === '#50c878' // the coronal plane is a fixed row
    assert.ok(Math.abs(line.from[horizontal ? 1 : 0] - at[horizontal ? 1 : 0]) < 1e-6)
  }
})

test('scale bars are round numbers that fit', () => {
  for (const pxPerMm of [0.05, 0.7, 3, 12, 100]) {
    const mm = scaleBarMm(pxPerMm)
    assert.ok(mm * pxPerMm <= 120 && mm * pxPerMm > 120 / 2.6, `${mm} mm at ${pxPerMm}`)
    assert.match(mm.toExponential(), /^[125]e/)
  }
  assert.deepEqual([100, 50, 5, 0.2, 0.05].map(formatMm), ['10 cm', '5 cm', '5 mm', '0.2 mm', '50 µm'])
})
