// Prompts that are drawn: what scribbles and outlines become for a model that knows points and a box, and drawing them.
import assert from 'node:assert/strict'
import { test } from 'node:test'

import { promptsOnWire } from '../../src/annotate/question.ts'
import type { LassoPrompt, ScribblePrompt } from '../../src/viewer/draft.ts'
import { slicePoint } from '../../src/viewer/geometry.ts'
import { area, contains } from '../../src/viewer/mask.ts'
import { cutToLasso, lassoOf, pointsOf } from '../../src/viewer/prompt_shapes.ts'
import { ToolHost } from '../../src/viewer/tools/host.ts'
import type { ToolId } from '../../src/viewer/tools/tool.ts'
import { LIVER, openSession, over, rectangle } from './support.ts'

const ROWS = 24, COLUMNS = 32
const SQUARE = [[4, 3], [14, 3], [14, 11], [4, 11]].map(([x, y]) => slicePoint(x, y))

function open(tool: ToolId) {
  const { session } = openSession()
  session.tool.value = tool
  return { session, host: new ToolHost(session) }
}

function drag(host: ToolHost, session: ReturnType<typeof open>['session'], places: readonly (readonly [number, number])[], keys = {}): void {
  host.down('left', over(session, ...places[0], keys))
  for (const place of places) host.move(over(session, ...place, keys))
  host.up(over(session, ...places[places.length - 1], keys))
}

test('a scribble is at most five points along its way, evenly apart, both ends among them', () => {
  const line: ScribblePrompt = { kind: 'scribble', positive: true, points: [[0, 0], [20, 0], [20, 20]] }
  assert.deepEqual(pointsOf(line).map(({ x, y }) => [x, y]), [[0, 0], [10, 0], [20, 0], [20, 10], [20, 20]])
  const short: ScribblePrompt = { kind: 'scribble', positive: false, points: [[3, 3], [5, 3]] }
  assert.deepEqual(pointsOf(short), [{ kind: 'point', x: 4, y: 3, positive: false }])
})

test('an outline is the box around the voxels that it encloses, and the one that lies deepest inside', () => {
  const lasso = lassoOf(SQUARE, ROWS, COLUMNS)!
  assert.deepEqual([lasso.x0, lasso.y0, lasso.x1, lasso.y1], [4, 3, 14, 10])
  assert.ok(Math.abs(lasso.x - 9) <= 1 && Math.abs(lasso.y - 6.5) <= 1, `${lasso.x}, ${lasso.y}`)
  const horseshoe = [[2, 2], [26, 2], [26, 20], [18, 20], [18, 8], [10, 8], [10, 20], [2, 20]].map(([x, y]) => slicePoint(x, y))
  const bent = lassoOf(horseshoe, ROWS, COLUMNS)!
  assert.ok(bent.y < 8 || bent.x < 10 || bent.x > 18, 'the middle of the box lies outside of it')
  assert.equal(lassoOf([slicePoint(1, 1), slicePoint(2, 1)], ROWS, COLUMNS), null)
  assert.equal(lassoOf(SQUARE.map(([x, y]) => slicePoint(x + 100, y)), ROWS, COLUMNS), null, 'beside the slice')
})

test('the answer to an outline ends there, unless a point that belongs lies elsewhere', () => {
  const lasso = lassoOf(SQUARE, ROWS, COLUMNS)!, answer = rectangle(ROWS, COLUMNS, 8, 6, 25, 9)
  assert.equal(area(cutToLasso(answer, [lasso])), 7 * 4)
  assert.equal(cutToLasso(answer, [lasso, { kind: 'point', x: 20, y: 8, positive: true }]), answer)
  assert.equal(area(cutToLasso(answer, [lasso, { kind: 'point', x: 20, y: 8, positive: false }])), 7 * 4)
  assert.equal(cutToLasso(answer, [{ kind: 'box', x0: 1, y0: 1, x1: 2, y1: 2 }]), answer)
})

test('the model is asked with points and one box', () => {
  const lasso = lassoOf(SQUARE, ROWS, COLUMNS)!
  const scribble: ScribblePrompt = { kind: 'scribble', positive: false, points: [[20, 2], [24, 2]] }
  assert.deepEqual(promptsOnWire([lasso, scribble]), {
    box: [4, 3, 14, 10],
    points: [{ x: lasso.x, y: lasso.y, positive: true }, { x: 20, y: 2, positive: false }, { x: 24, y: 2, positive: false }],
  })
})

test('scribble: a drag is a line, Alt one that does not belong; a click is a point', () => {
  const { session, host } = open('scribble')
  drag(host, session, [[5, 5], [9, 6], [12, 9]])
  drag(host, session, [[20, 5], [24, 9]], { alt: true })
  host.down('left', over(session, 3, 3))
  host.up(over(session, 3, 3))
  const [first, second, third] = session.draft.value!.prompts
  assert.ok(first.kind === 'scribble' && first.positive && first.points.length >= 3)
  assert.ok(second.kind === 'scribble' && !second.positive)
  assert.deepEqual(third, { kind: 'point', x: 3, y: 3, positive: true })
  assert.equal(session.outline.value, null)
})

test('scribble: one that begins in an accepted object opens it again', () => {
  const { session, host } = open('scribble')
  session.edits.replaceMask(LIVER, 2, rectangle(ROWS, COLUMNS, 4, 4, 12, 12))
  drag(host, session, [[6, 6], [16, 8]])
  assert.ok(contains(session.draft.value!.base!, 5, 5))
})

test('encircle: takes the place of a box; Ctrl collects; it can be dragged as a whole, and removed', () => {
  const { session, host } = open('encircle')
  session.addPrompt({ kind: 'box', x0: 1, y0: 1, x1: 5, y1: 5 }, false)
  drag(host, session, [[4, 3], [14, 3], [14, 11], [4, 11]], { ctrl: true })
  const [lasso, ...others] = session.draft.value!.prompts as LassoPrompt[]
  assert.deepEqual([lasso.kind, others.length, session.draft.value!.held], ['lasso', 0, true])
  drag(host, session, [[9, 3], [10, 4], [12, 7]])
  const moved = session.draft.value!.prompts[0] as LassoPrompt
  assert.deepEqual([moved.x0 - lasso.x0, moved.y0 - lasso.y0, moved.x - lasso.x], [3, 4, 3])
  drag(host, session, [[moved.points[0][0], moved.points[0][1]], [100, 100]])
  const last = session.draft.value!.prompts[0] as LassoPrompt
  assert.ok(last.x1 <= COLUMNS - 1 && last.y1 <= ROWS - 1, 'it stays on the slice')
  const corner = last.points[0]
  host.down('right', over(session, corner[0], corner[1]))
  host.up(over(session, corner[0], corner[1]))
  assert.equal(session.draft.value, null)
})

test('Escape gives up what is being drawn', () => {
  for (const tool of ['scribble', 'encircle'] as const) {
    const { session, host } = open(tool)
    host.down('left', over(session, 5, 5))
    host.move(over(session, 15, 9))
    assert.equal(host.cancel(), true)
    assert.deepEqual([session.draft.value, session.outline.value], [null, null])
  }
})
