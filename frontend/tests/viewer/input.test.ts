// Pointer events as browsers make them, on a canvas that is none: pens, the hand that holds one, Macs.
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'

import { mountInput } from '../../src/viewer/input.ts'
import { area } from '../../src/viewer/mask.ts'
import { ToolHost } from '../../src/viewer/tools/host.ts'
import type { ToolId } from '../../src/viewer/tools/tool.ts'
import { LIVER, openSession, over } from './support.ts'

class FakeCanvas extends EventTarget {
  readonly style: Record<string, string> = {}
  tabIndex = 0
  getBoundingClientRect() { return { left: 0, top: 0 } }
  focus() {}
  setPointerCapture() {}
}

function open(t: TestContext, tool: ToolId) {
  const opened = openSession(), canvas = new FakeCanvas(), { session } = opened
  session.tool.value = tool
  t.after(mountInput(session, session.view, new ToolHost(session), canvas as unknown as HTMLCanvasElement))
  /** Over a voxel of the visible slice. */
  const fire = (type: string, column: number, row: number, more: object = {}) => {
    const [clientX, clientY] = over(session, column, row).screen
    canvas.dispatchEvent(Object.assign(new Event(type, { cancelable: true }), {
      clientX, clientY, pointerId: 1, pointerType: 'mouse', button: 0, buttons: type === 'pointerup' ? 0 : 1,
      altKey: false, ctrlKey: false, metaKey: false, shiftKey: false, pressure: 0, ...more,
    }))
  }
  const stroke = (more: object) => {
    fire('pointerdown', 10, 10, more)
    fire('pointerup', 10, 10, { ...more, pressure: 0, buttons: 0 })
  }
  return { ...opened, canvas, fire, stroke, voxels: () => area(session.masks.get(LIVER, 2)) }
}

test('a pen that is pressed harder paints broader; at its other end is an eraser', (t) => {
  const { session, stroke, voxels } = open(t, 'brush')
  session.strokes.setRadiusMm(4)
  const painted = [0.25, 0.5, 1].map((pressure) => {
    session.undo()
    stroke({ pointerType: 'pen', pressure })
    return voxels()
  })
  assert.ok(painted[0] < painted[1] && painted[1] < painted[2], painted.join(', '))
  stroke({ pointerType: 'pen', pressure: 1, button: 5, buttons: 32 })
  assert.equal(voxels(), 0)
})

test('the hand that holds a pen neither draws nor moves the picture', (t) => {
  const { session, fire, voxels, accepted } = open(t, 'brush')
  const camera = session.view.camera.value
  fire('pointerdown', 25, 20, { pointerType: 'touch', pointerId: 7 })
  fire('pointerdown', 10, 10, { pointerType: 'pen', pressure: 0.5 })
  fire('pointerdown', 28, 22, { pointerType: 'touch', pointerId: 8 })
  fire('pointermove', 20, 20, { pointerType: 'touch', pointerId: 7 })
  fire('pointermove', 12, 10, { pointerType: 'pen', pressure: 0.5 })
  fire('pointerup', 20, 20, { pointerType: 'touch', pointerId: 7 })
  fire('pointerup', 12, 10, { pointerType: 'pen' })
  fire('pointerup', 28, 22, { pointerType: 'touch', pointerId: 8 })
  assert.equal(accepted.length, 1)
  assert.ok(voxels() > 0)
  assert.equal(session.view.camera.value, camera)
  assert.equal(area(session.masks.get(LIVER, 2)), voxels())
})

test('a finger that is held still is a right click; one that moves draws, and one that is lifted clicks', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const { session, fire } = open(t, 'point')
  const finger = { pointerType: 'touch' }
  const positives = () => session.draft.value?.prompts.map((prompt) => prompt.kind === 'point' && prompt.positive) ?? []
  fire('pointerdown', 10, 10, finger)
  t.mock.timers.tick(600)
  fire('pointerup', 10, 10, finger)
  assert.deepEqual(positives(), [false])
  fire('pointerdown', 20, 10, finger)
  t.mock.timers.tick(100)
  fire('pointerup', 20, 10, finger)
  t.mock.timers.tick(600)
  assert.deepEqual(positives(), [false, true])
  fire('pointerdown', 10, 10, finger)
  t.mock.timers.tick(600)
  fire('pointerup', 10, 10, finger)
  assert.deepEqual(positives(), [true], 'on a point it removes it')
  session.tool.value = 'box'
  fire('pointerdown', 4, 4, finger)
  fire('pointermove', 12, 12, finger)
  t.mock.timers.tick(600)
  fire('pointerup', 12, 12, finger)
  assert.equal(session.draft.value!.prompts.at(-1)!.kind, 'box')
})

test('on a Mac, Cmd collects points and a click with Ctrl is a right click', (t) => {
  const platform = Object.getOwnPropertyDescriptor(globalThis, 'navigator')!
  Object.defineProperty(globalThis, 'navigator', { value: { platform: 'MacIntel' }, configurable: true })
  t.after(() => Object.defineProperty(globalThis, 'navigator', platform))
  const { session, fire } = open(t, 'point')
  for (const [column, keys] of [[10, { metaKey: true }], [20, { ctrlKey: true }]] as const) {
    fire('pointerdown', column, 10, keys)
    fire('pointerup', column, 10, keys)
  }
  const { prompts } = session.draft.value!
  assert.deepEqual(prompts.map((prompt) => prompt.kind === 'point' && prompt.positive), [true, false])
})

test('the cursor says where nothing can be drawn, without the pointer moving', (t) => {
  const { session, canvas } = open(t, 'polygon')
  assert.equal(canvas.style.cursor, 'crosshair')
  session.setLabels([])
  assert.equal(canvas.style.cursor, 'not-allowed')
  session.tool.value = 'pan'
  assert.equal(canvas.style.cursor, 'grab')
})
