// The pure parts of the panels: outcomes of an import, the slice strip, the thumbnail's place, the brush slider, the list
// of help, late cases, browsers, the log, passwords and tokens.
import assert from 'node:assert/strict'
import { test } from 'node:test'

import { ACTIONS } from '../../src/annotate/actions.ts'
import type { ImportedFile, WorkRow } from '../../src/api/project_types.ts'
import { AUDIT_TEXTS } from '../../src/i18n/audit_text.ts'
import { describe, phraseOf } from '../../src/pages/audit_detail.ts'
import { browserName } from '../../src/pages/browser_name.ts'
import { passwordFault } from '../../src/pages/session.ts'
import { everyDay, sumBy } from '../../src/pages/statistics_sums.ts'
import { expiryOf } from '../../src/pages/token_life.ts'
import { isOverdue } from '../../src/pages/urgency.ts'
import { helpRows } from '../../src/panels/annotate/action_text.ts'
import { radiusOfSlider, sliderOfRadius } from '../../src/panels/annotate/brush_scale.ts'
import { barOf, sliceAt } from '../../src/panels/annotate/strip_layout.ts'
import { lookOf, SURE_COLORS } from '../../src/panels/annotate/strip_look.ts'
import { placeInSquare } from '../../src/panels/thumbnail_picture.ts'
import { countOutcomes, groupFiles } from '../../src/panels/uploads.ts'

const file = (name: string, outcome: ImportedFile['outcome'], detail?: string): ImportedFile =>
  ({ name, outcome, ...(detail ? { code: 'x', detail } : {}) })

test('an import of many files is a few sentences', () => {
  const files = [file('a', 'imported'), file('b', 'rejected', 'No pixels.'), file('c', 'rejected', 'No pixels.'), file('d', 'rejected', 'Cut short.')]
  assert.deepEqual(countOutcomes(files), [{ outcome: 'imported', count: 1 }, { outcome: 'rejected', count: 3 }])
  assert.deepEqual(groupFiles(files.slice(1)).map(({ example, count }) => [example.name, count]), [['b', 2], ['d', 1]])
})

test('the bars of the strip cover it without overlap, and a bar is found under its own middle', () => {
  for (const [count, width] of [[1, 300], [64, 1250], [96, 1000], [2000, 900]]) {
    for (let index = 0; index < count; index += 1) {
      const bar = barOf(index, count, width)
      assert.ok(bar.width >= 1)
      assert.ok(bar.x + bar.width <= width + 1)
      if (count <= width) {
        assert.equal(sliceAt(bar.x + bar.width / 2, count, width), index)
        if (index > 0) assert.ok(bar.x >= barOf(index - 1, count, width).x + barOf(index - 1, count, width).width)
      }
    }
  }
  assert.equal(sliceAt(-5, 10, 100), 0)
  assert.equal(sliceAt(500, 10, 100), 9)
  assert.equal(sliceAt(5, 10, 0), 0)
})

test('the strip tells the states of a slice by shape and height, the surer the higher', () => {
  const mark = { labels: 0, active: false, drafted: false, suggested: null, unfound: false, declined: null, encoded: false }
  assert.equal(lookOf(mark).kind, 'untouched')
  assert.equal(lookOf({ ...mark, labels: 2 }).kind, 'others')
  assert.equal(lookOf({ ...mark, labels: 2, declined: 'rejected' }).kind, 'declined')
  assert.equal(lookOf({ ...mark, declined: 'absent', suggested: 0.5 }).kind, 'suggested', 'a newer run asks again')
  assert.equal(lookOf({ ...mark, suggested: 0.5, active: true }).kind, 'accepted')
  assert.equal(lookOf({ ...mark, suggested: 0.9, unfound: true }).kind, 'unfound')
  const looks = [0, 0.3, 0.6, 0.99, 1].map((suggested) => lookOf({ ...mark, suggested }))
  assert.deepEqual(looks.map((look) => look.kind === 'suggested' && look.color), [...SURE_COLORS, SURE_COLORS.at(-1)])
  for (const [n, look] of looks.slice(1).entries()) assert.ok(look.share > looks[n].share && look.share <= 1)
})

test('a thumbnail fills the square with its longer side, centred, turned as asked', () => {
  const apply = ([a, b, c, d, e, f]: readonly number[], x: number, y: number) => [a * x + c * y + e, b * x + d * y + f].map((v) => Math.round(v * 1000) / 1000)
  const picture = { rows: 100, columns: 200, rowToColumnMm: 1 }
  const plain = placeInSquare({ ...picture, orientation: { transpose: false, flipX: false, flipY: false } }, 48)
  assert.deepEqual([apply(plain, 0, 0), apply(plain, 200, 100)], [[0, 12], [48, 36]])
  const flipped = placeInSquare({ ...picture, orientation: { transpose: false, flipX: true, flipY: true } }, 48)
  assert.deepEqual([apply(flipped, 0, 0), apply(flipped, 200, 100)], [[48, 36], [0, 12]])
  const turned = placeInSquare({ ...picture, orientation: { transpose: true, flipX: false, flipY: false } }, 48)
  assert.deepEqual([apply(turned, 0, 0), apply(turned, 200, 100)], [[12, 0], [36, 48]])
  const tall = placeInSquare({ rows: 100, columns: 100, rowToColumnMm: 2, orientation: { transpose: false, flipX: false, flipY: false } }, 48)
  assert.deepEqual([apply(tall, 0, 0), apply(tall, 100, 100)], [[12, 0], [36, 48]])
})

test('the brush slider and the radius are inverse, equal steps are equal factors', () => {
  for (const radius of [0.2, 1, 5, 60]) assert.ok(Math.abs(radiusOfSlider(sliderOfRadius(radius)) - radius) < 1e-9)
  assert.ok(Math.abs(radiusOfSlider(50) / radiusOfSlider(40) - radiusOfSlider(90) / radiusOfSlider(80)) < 1e-9)
})

test('the help names every action once; numbered ones are one row', () => {
  const rows = helpRows(false, (action) => action.label)
  const names = [...rows.values()].flat().map((row) => row.name)
  assert.equal(new Set(names).size, names.length)
  assert.deepEqual(new Set(names), new Set(ACTIONS.map((action) => action.label)))
  assert.deepEqual(rows.get('labels')!.find((row) => row.name === 'action.choose_label')!.keys, ['1 – 9'])
})

test('a case is late from the day after its date, until it is submitted', () => {
  const now = new Date(2026, 2, 5, 23, 30)
  assert.equal(isOverdue({ due_on: '2026-03-05', state: 'assigned' }, now), false)
  assert.equal(isOverdue({ due_on: '2026-03-04', state: 'returned' }, now), true)
  assert.equal(isOverdue({ due_on: '2026-03-04', state: 'submitted' }, now), false)
  assert.equal(isOverdue({ due_on: null, state: 'new' }, now), false)
})

test('work is summed by person and by label', () => {
  const label = (id: string) => ({ id, name: `label ${id}` }) as WorkRow['label']
  const row = (person: string, of: string, seconds: number, slices: number): WorkRow => ({
    person: { id: person, name: person, email: '' }, label: label(of), cases: 1, revisions: 2, edits_after_model: 1, clicks: 3, boxes: 1, strokes: 2, undos: 0, seconds, slices,
    slices_by_model: 2, voxels_by_model: 90, voxels_changed: 9, effort: of === 'x' ? { slices: 2, seconds: 4, actions: 9, actions_until_nearly: 7 } : null,
  })
  const work = [row('ann', 'x', 10, 2), row('bob', 'x', 40, 3), row('ann', 'y', 20, 1)]
  const people = [{ id: 'ann', cases: 1 }, { id: 'bob', cases: 5 }]
  assert.deepEqual(sumBy(work, 'person', people).map(({ id, cases, submitted, actionsUntilNearly }) => [id, cases, submitted, actionsUntilNearly]), [['bob', 5, 2, 7], ['ann', 1, 2, 7]])
  assert.deepEqual(sumBy(work, 'person', people).map(({ id, seconds, slices, clicks }) => [id, seconds, slices, clicks]), [['bob', 40, 3, 4], ['ann', 30, 3, 8]])
  assert.deepEqual(sumBy(work, 'label', []).map(({ id, edits, byModel }) => [id, edits, byModel]), [['x', 2, 4], ['y', 1, 2]])
})

test('days without a case are shown as well, and only the newest', () => {
  const days = [{ day: '2026-02-27', submitted: 2, accepted: 0 }, { day: '2026-03-02', submitted: 1, accepted: 3 }]
  assert.deepEqual(everyDay(days, 60).map(({ day, submitted }) => [day, submitted]), [['2026-02-27', 2], ['2026-02-28', 0], ['2026-03-01', 0], ['2026-03-02', 1]])
  assert.deepEqual(everyDay(days, 2).map(({ day }) => day), ['2026-03-01', '2026-03-02'])
  assert.deepEqual(everyDay([], 60), [])
})

test('a browser is named as people name it', () => {
  assert.equal(browserName('Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/150.0 Safari/537.36'), 'Chrome · Linux')
  assert.equal(browserName('Mozilla/5.0 (Macintosh; Intel Mac OS X 15_0) AppleWebKit/605.1.15 Version/19.0 Safari/605.1.15'), 'Safari · macOS')
  assert.equal(browserName('python-httpx/0.28'), 'python-httpx/0.28')
  assert.equal(browserName(''), null)
})

test('a change in the log says what was and what is', () => {
  const { en, zh } = AUDIT_TEXTS
  assert.equal(describe({ state: ['new', 'assigned'], assignee: [null, 'u1'], count: 3 }, { u1: 'Ann' }, en), 'state: new → assigned · assignee: – → Ann · number: 3')
  assert.equal(describe({ readers: ['u1', 'u2'], gold: true }, { u1: 'Ann', u2: 'Bo' }, en), 'readers: Ann, Bo · test case: yes')
  assert.equal(describe({ role: 'viewer', newly: 1 }, {}, zh, (_, value) => value.toUpperCase()), '角色: VIEWER · newly: 1')
  assert.equal(phraseOf('label.deleted', en), 'Deleted a label')
  assert.equal(phraseOf('moon.landed', en), 'moon.landed')
  assert.deepEqual(Object.keys(zh.actions).sort(), Object.keys(en.actions).sort())
  assert.deepEqual(Object.keys(zh.facts).sort(), Object.keys(en.facts).sort())
})

test('a new password is long enough and twice the same', () => {
  assert.equal(passwordFault('short', 'short'), 'too_short')
  assert.equal(passwordFault('long enough it is', 'long enough it was'), 'not_equal')
  assert.equal(passwordFault('long enough it is', 'long enough it is'), null)
})

test('a token ends after its life, or never', () => {
  const now = new Date('2026-01-01T00:00:00Z')
  assert.equal(expiryOf('days30', now), '2026-01-31T00:00:00.000Z')
  assert.equal(expiryOf('never', now), null)
})
