import assert from 'node:assert/strict'
import { test } from 'node:test'

import { KeyboardHand } from '../../src/viewer/tools/hand.ts'
import { TOOLS, ToolHost } from '../../src/viewer/tools/host.ts'
import { area } from '../../src/viewer/mask.ts'
import { figuresOf, linesOf, type Measuring } from '../../src/viewer/measuring.ts'
import type { ToolId } from '../../src/viewer/tools/tool.ts'
import { LIVER, moved, openSession, over, volume } from './support.ts'

function open(tool: ToolId) {
  const opened = openSession()
  opened.session.tool.value = tool
  return { ...opened, host: new ToolHost(opened.session) }
}

test('every state of every tool but its first answers cancel', () => {
  for (const tool of Object.values(TOOLS)) {
    for (const [state, handlers] of Object.entries(tool.on)) {
      assert.equal(state === tool.initial, handlers.cancel === undefined, `${tool.id}: ${state}`)
    }
    assert.ok(tool.on[tool.initial].pointerDown, `${tool.id} begins with a press`)
  }
})

test('point: a click adds a positive point at the voxel, Alt a negative one, a tremble is still a click', () => {
  const { session, host } = open('point')
  host.down('left', over(session, 10, 6))
  host.up(moved(over(session, 10, 6), 2, -2))
  host.down('left', over(session, 12, 7, { alt: true }))
  host.up(over(session, 12, 7, { alt: true }))
  assert.deepEqual(session.draft.value!.prompts, [
    { kind: 'point', x: 10, y: 6, positive: true }, { kind: 'point', x: 12, y: 7, positive: false },
  ])
})

test('point: a drag is no click, and Escape gives a press up', () => {
  const { session, host } = open('point')
  const start = over(session, 10, 6)
  host.down('left', start)
  host.move(moved(start, 30, 0))
  host.move(start)
  host.up(start)
  host.down('left', start)
  assert.ok(host.cancel())
  host.up(start)
  assert.equal(session.draft.value, null)
})

test('a right click is a negative point; a right drag zooms', () => {
  const { session, host } = open('point')
  const start = over(session, 10, 6)
  host.down('right', start)
  host.move(moved(start, 2, 1)) // a hand trembles
  host.up(moved(start, 2, 1))
  assert.deepEqual(session.draft.value!.prompts, [{ kind: 'point', x: 10, y: 6, positive: false }])
  const before = session.view.view.value.camera.zoom
  host.down('right', start)
  host.move(moved(start, 0, -10))
  host.move(moved(start, 0, -60))
  host.up(moved(start, 0, -60))
  assert.ok(session.view.view.value.camera.zoom > before * 1.2)
  assert.equal(session.draft.value!.prompts.length, 1)
})

test('a right click means nothing to tools without prompts', () => {
  const { session, host } = open('brush')
  host.down('right', over(session, 10, 6))
  host.up(over(session, 10, 6))
  assert.equal(session.draft.value, null)
})

test('Ctrl collects points', () => {
  const { session, host } = open('point')
  host.down('left', over(session, 10, 6, { ctrl: true }))
  host.up(over(session, 10, 6, { ctrl: true }))
  assert.equal(session.draft.value!.held, true)
})

test('box: a drag in any direction makes a box of whole voxels cut to the slice', () => {
  const { session, host } = open('box')
  host.down('left', over(session, 40, 30))
  host.move(over(session, 20, 10))
  assert.ok(session.rubberBand.value)
  host.move(over(session, 8.3, 3.8))
  host.up(over(session, 8.3, 3.8))
  assert.equal(session.rubberBand.value, null)
  assert.deepEqual(session.draft.value!.prompts, [{ kind: 'box', x0: 8, y0: 4, x1: 31, y1: 23 }])
})

test('box: Escape leaves nothing, and a click refines with a point', () => {
  const { session, host } = open('box')
  host.down('left', over(session, 4, 4))
  host.move(over(session, 20, 10))
  assert.ok(host.cancel())
  host.up(over(session, 20, 10))
  assert.equal(session.rubberBand.value, null)
  assert.equal(session.draft.value, null)
  host.down('left', over(session, 4, 4))
  host.up(over(session, 4, 4))
  assert.equal(session.draft.value!.prompts[0].kind, 'point')
})

test('brush and eraser paint from press to release; Alt turns one into the other; Escape takes the stroke back', () => {
  const { session, host, accepted } = open('brush')
  session.strokes.setRadiusMm(0.4)
  const draw = (alt: boolean) => {
    host.down('left', over(session, 4, 4, { alt }))
    host.move(over(session, 8, 4, { alt }))
    host.up(over(session, 8, 4, { alt }))
  }
  draw(false)
  assert.equal(area(session.masks.get(LIVER, 2)), 5)
  draw(true)
  assert.equal(area(session.masks.get(LIVER, 2)), 0)
  session.tool.value = 'eraser'
  draw(true)
  assert.equal(area(session.masks.get(LIVER, 2)), 5)
  draw(false)
  assert.equal(area(session.masks.get(LIVER, 2)), 0)
  session.tool.value = 'brush'
  host.down('left', over(session, 4, 4))
  host.move(over(session, 12, 4))
  assert.ok(host.cancel())
  host.up(over(session, 12, 4))
  assert.equal(accepted.length, 4)
  assert.equal(area(session.masks.get(LIVER, 2)), 0)
})

test('window: right widens, down raises; Escape puts the window back', () => {
  const { session, host } = open('window')
  const start = over(session, 10, 10)
  host.down('left', start)
  host.move(moved(start, 64, 0))
  assert.deepEqual(session.view.window.value, { width: 125, center: 50 })
  host.move(moved(start, 0, 64))
  assert.ok(session.view.window.value.width === 100 && Math.abs(session.view.window.value.center - 75) < 1e-9)
  host.move(moved(start, -9999, 0))
  assert.ok(session.view.window.value.width > 0)
  assert.ok(host.cancel())
  assert.deepEqual(session.view.window.value, { width: 100, center: 50 })
})

test('pan: by tool, middle button or Shift, in any tool; Escape puts the picture back, still fitted', () => {
  for (const [tool, button, shift] of [['pan', 'left', false], ['brush', 'middle', false], ['point', 'left', true]] as const) {
    const { session, host } = open(tool)
    const start = over(session, 10, 10, { shift })
    host.down(button, start)
    host.move(moved(start, 25, 10))
    const now = over(session, 10, 10)
    assert.ok(Math.abs(now.screen[0] - start.screen[0] - 25) < 1e-6 && Math.abs(now.screen[1] - start.screen[1] - 10) < 1e-6)
    host.cancel()
    assert.equal(session.view.camera.value, null)
    assert.equal(session.drafts.value.size, 0)
  }
})

test('scroll: down is further, bounded by the volume', () => {
  const { session, host } = open('scroll')
  const start = over(session, 10, 10)
  host.down('left', start)
  host.move(moved(start, 0, 48))
  assert.equal(session.view.slice.value, 3)
  host.move(moved(start, 0, -5000))
  assert.equal(session.view.slice.value, 0)
  host.cancel()
  assert.equal(session.view.slice.value, 2)
})

test('probe moves the crosshair of all planes', () => {
  const { session, host } = open('probe')
  host.down('left', over(session, 7, 9))
  host.move(over(session, 11, 3))
  host.up(over(session, 11, 3))
  assert.deepEqual([...session.view.position.value], [2, 3, 11])
  session.view.setAxis(2)
  assert.equal(session.view.slice.value, 11)
})

test('length: a drag measures on its slice, a click takes away what is not kept', () => {
  const { session, host } = open('ruler')
  host.down('left', over(session, 2, 2))
  host.move(over(session, 5, 6))
  host.up(over(session, 5, 6))
  const { kind, index, points } = session.view.measuring.value!
  assert.deepEqual([kind, index, points.length], ['length', 2, 2])
  assert.ok(Math.abs(figuresOf(session.view.volume, session.view.measuring.value!)['length_mm'] - 5) < 1e-6)
  host.down('left', over(session, 2, 2))
  host.up(over(session, 2, 2))
  assert.equal(session.view.measuring.value, null)
})

test('an angle is a drag and a click, two axes are two drags; Escape in between leaves nothing', () => {
  const done: Measuring[] = []
  const { session } = openSession(volume({ spacingKjiMm: [3, 1, 1] }), { onMeasured: (measuring) => done.push(measuring) })
  const host = new ToolHost(session)
  const drag = (x0: number, y0: number, x1: number, y1: number) => {
    host.down('left', over(session, x0, y0))
    host.move(over(session, x1, y1))
    host.up(over(session, x1, y1))
  }
  session.tool.value = 'angle'
  drag(12, 4, 4, 4)
  host.move(over(session, 4, 14))
  assert.ok(Math.abs(figuresOf(session.view.volume, session.view.measuring.value!)['angle_deg'] - 90) < 1e-6, 'seen before the click')
  drag(12, 12, 12, 12)
  session.tool.value = 'bidirectional'
  drag(4, 8, 24, 8)
  drag(14, 4, 14, 12)
  assert.deepEqual(done.map(({ kind, points }) => [kind, points.length]), [['angle', 3], ['bidirectional', 4]])
  assert.ok(Math.abs(figuresOf(session.view.volume, done[0])['angle_deg'] - 45) < 1e-6)
  assert.deepEqual(linesOf(figuresOf(session.view.volume, done[1]), 'HU', true), ['20.0 × 8.0 mm'])
  drag(4, 8, 24, 8)
  assert.ok(host.cancel())
  assert.equal(session.view.measuring.value, null)
})

test('figures read with their units, in pixels where there is no patient', () => {
  assert.deepEqual(linesOf({ area_mm2: 1234.5, voxels: 40, mean: 57.26, sd: 3.14 }, 'HU', true), ['1235 mm²', '57.3 ± 3.1 HU'])
  assert.deepEqual(linesOf({ length_mm: 12.34 }, '', false), ['12.3 px'])
})

test('a second button during a gesture is ignored', () => {
  const { session, host } = open('brush')
  host.down('left', over(session, 4, 4))
  host.down('right', over(session, 4, 4))
  host.move(over(session, 6, 4))
  host.up(over(session, 6, 4))
  assert.ok(area(session.masks.get(LIVER, 2)) > 0)
})

test('with keys alone: points, a box, a stroke, and Escape', () => {
  const { session, host, accepted } = open('point')
  const hand = new KeyboardHand(session, host)
  hand.press()
  hand.move(40, -20)
  hand.press({ alt: true })
  const [first, second] = session.draft.value!.prompts
  assert.deepEqual([first, second].map((p) => p.kind === 'point' && p.positive), [true, false])
  assert.deepEqual(session.view.pointer.value, moved(over(session, 15.5, 11.5), 40, -20).screen, 'it starts in the middle')

  session.tool.value = 'box'
  hand.press()
  hand.move(60, 60)
  hand.move(20, 20)
  hand.press()
  assert.equal(session.draft.value!.prompts.at(-1)!.kind, 'box')
  session.reject()

  session.tool.value = 'brush'
  hand.press()
  hand.move(-60, 0)
  hand.press()
  assert.equal(accepted.length, 1)
  hand.press({ alt: true })
  hand.move(-60, 0)
  assert.ok(host.cancel())
  assert.equal(accepted.length, 1)
  hand.move(-9999, 9999)
  assert.deepEqual([...session.view.pointer.value!], [0, 480])
})

test('keys alone collect prompts, take one into the hand, move it and remove it', () => {
  const { session, host } = open('point')
  const hand = new KeyboardHand(session, host)
  session.view.pointer.value = over(session, 10, 10).screen
  hand.press({ ctrl: true })
  session.view.pointer.value = over(session, 14, 10).screen
  hand.press({ ctrl: true })
  assert.deepEqual([session.draft.value!.held, session.draft.value!.prompts.length], [true, 2])
  session.askNow()
  hand.press()
  assert.ok(session.grabbed.value)
  hand.move(0, 60)
  hand.press()
  const [, moved] = session.draft.value!.prompts
  assert.deepEqual([session.grabbed.value, moved.kind === 'point' && moved.y > 12, session.draft.value!.prompts.length], [null, true, 2])
  hand.press({ alt: true })
  assert.equal(session.draft.value!.prompts.length, 1)
})

test('lasso: what a drag encloses is added, with Alt taken away; a click or Escape leaves nothing', () => {
  const { session, host, accepted } = open('lasso')
  const around = (alt: boolean) => {
    const corners = [[4, 4], [12, 4], [12, 10], [4, 10]]
    host.down('left', over(session, 3.6, 3.6, { alt }))
    for (const [x, y] of corners) host.move(over(session, x + (x > 8 ? 0.4 : -0.4), y + (y > 7 ? 0.4 : -0.4), { alt }))
    host.up(over(session, 3.6, 10.4, { alt }))
  }
  around(false)
  assert.equal(area(session.masks.get(LIVER, 2)), 9 * 7)
  around(true)
  assert.equal(area(session.masks.get(LIVER, 2)), 0)
  host.down('left', over(session, 4, 4))
  host.up(over(session, 4, 4))
  host.down('left', over(session, 4, 4))
  host.move(over(session, 14, 4))
  assert.ok(host.cancel())
  assert.equal(session.outline.value, null)
  assert.equal(accepted.length, 2)
})

test('polygon: corner by corner, with panning in between, closed at its first corner', () => {
  const { session, host, accepted } = open('polygon')
  const corner = (x: number, y: number) => {
    host.down('left', over(session, x, y))
    host.up(over(session, x, y))
    host.move(over(session, x + 1, y + 1))
  }
  corner(3.6, 3.6)
  corner(12.4, 3.6)
  host.down('middle', over(session, 8, 8))
  host.move(moved(over(session, 8, 8), 40, 10))
  host.up(over(session, 8, 8))
  corner(12.4, 10.4)
  corner(3.6, 10.4)
  assert.equal(accepted.length, 0)
  corner(3.6, 3.6)
  assert.equal(accepted.length, 1)
  assert.equal(area(session.masks.get(LIVER, 2)), 9 * 7)
  assert.equal(session.outline.value, null)
})

test('polygon: Enter closes, Backspace takes a corner back, Escape all of it', () => {
  const { session, host, accepted } = open('polygon')
  const corner = (x: number, y: number) => {
    host.down('left', over(session, x, y))
    host.up(over(session, x, y))
  }
  for (const [x, y] of [[3.6, 3.6], [12.4, 3.6], [12.4, 10.4], [30, 20]]) corner(x, y)
  assert.ok(host.back())
  corner(3.6, 10.4)
  assert.ok(host.complete())
  assert.equal(area(session.masks.get(LIVER, 2)), 9 * 7)
  assert.equal(host.complete(), false, 'Enter belongs to the proposal again')
  corner(5, 5)
  assert.ok(host.back(), 'without its only corner there is no polygon')
  assert.equal(session.outline.value, null)
  corner(5, 5)
  corner(9, 9)
  assert.ok(host.cancel())
  assert.equal(session.outline.value, null)
  assert.equal(accepted.length, 1)
})
