// The evaluation tab without a page: what is chosen at first, what is measured, how long it takes, and how a report reads.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'

import type { Evaluation, EvaluationCase } from '../../src/api/evaluation_types.ts'
import { EVALUATION_TEXTS } from '../../src/i18n/evaluation_text.ts'
import { defaultSettings, estimateSeconds, measured, parseNumbers, withProtocol } from '../../src/pages/evaluation_settings.ts'
import { speedOf } from '../../src/pages/evaluation_speed.ts'
import { parseInlines, parseReport } from '../../src/panels/report_blocks.ts'

function item(id: string, state: EvaluationCase['state'], labels: Record<string, number>, pictures = false): EvaluationCase {
  return { id, name: id, state, pictures, labels: Object.entries(labels).map(([label_id, slices]) => ({ label_id, slices })) }
}
const CASES = [item('a', 'accepted', { liver: 20, spleen: 2 }), item('b', 'submitted', { liver: 3 }), item('c', 'in_progress', { spleen: 9 })]
const LABELS = ['liver', 'spleen', 'kidney']

test('at first the finished cases are chosen, and the labels that they have enough masks of', () => {
  const settings = defaultSettings(CASES, LABELS)
  assert.deepEqual([settings.case_ids, settings.label_ids, settings.unfinished_cases], [['a', 'b'], ['liver'], false])
  assert.deepEqual(measured(settings, CASES), [{ labelId: 'liver', slices: 20 }, { labelId: 'liver', slices: 3 }])
  const none = defaultSettings([CASES[2]], LABELS)
  assert.deepEqual([none.case_ids, none.label_ids, none.unfinished_cases], [['c'], ['spleen'], true])
})

test('what needs finished cases lets go of the others', () => {
  const settings = { ...defaultSettings(CASES, LABELS), case_ids: ['a', 'c'], unfinished_cases: true }
  const auto = withProtocol(settings, 'auto', CASES)
  assert.deepEqual([auto.case_ids, auto.unfinished_cases], [['a'], false])
})

test('pictures are measured together', () => {
  const pictures = ['p', 'q', 'r'].map((id) => item(id, 'accepted', { liver: 1 }, true))
  assert.deepEqual(measured(defaultSettings(pictures, LABELS), pictures), [{ labelId: 'liver', slices: 3 }])
})

test('more to measure takes longer, in proportion to the speed found here', () => {
  const settings = defaultSettings(CASES, LABELS)
  const once = estimateSeconds(settings, CASES)
  assert.ok(once > 30 && once < 300, String(once))
  assert.ok(estimateSeconds({ ...settings, repeats: 3 }, CASES) > 2.5 * once)
  assert.ok(estimateSeconds({ ...settings, prompts: ['points', 'boxes', 'composite'] }, CASES) > once)
  assert.ok(estimateSeconds(withProtocol(settings, 'ablation', CASES), CASES) > estimateSeconds(settings, [CASES[0]]) / 2)
  const run = (seconds: number) => ({ settings, result: { seconds } }) as unknown as Evaluation
  assert.equal(speedOf([], CASES), 1)
  const speed = speedOf([run(once * 3), run(once * 2), run(once * 8)], CASES)
  assert.ok(Math.abs(speed - 3) < 1e-9)
  assert.ok(Math.abs(estimateSeconds(settings, CASES, speed) - 3 * once) < 1e-9)
})

test('numbers are read as people type them', () => {
  assert.deepEqual(parseNumbers('2, 5'), [2, 5])
  assert.deepEqual(parseNumbers(' 1 3，3'), [1, 3])
  for (const text of ['', '0', '2.5', 'two', '-1', '65', '1,2,3,4,5,6,7,8,9']) assert.equal(parseNumbers(text), null, text)
})

test('a report becomes blocks, and none of it markup', () => {
  const blocks = parseReport([
    '# SAM^assist', 'The model <b>x</b>\nin two lines, **better** by *far* ([SVG](plots/a.svg)).', '| Data | plain |\n|---|---:|\n| Livers | 71.2 ± 9.8 |',
    '![Fig. 7](plots/a.png)', '- one\n- two',
  ].join('\n\n') + '\n')
  assert.deepEqual(blocks.map((block) => block.kind), ['heading', 'paragraph', 'table', 'picture', 'list'])
  assert.deepEqual(blocks[2], { kind: 'table', head: ['Data', 'plain'], numeric: [false, true], rows: [['Livers', '71.2 ± 9.8']] })
  assert.deepEqual(parseInlines('The <b>x</b> is **better** ([SVG](a.svg))'), [
    { kind: 'text', text: 'The <b>x</b> is ' }, { kind: 'strong', text: 'better' }, { kind: 'text', text: ' (' },
    { kind: 'link', text: 'SVG', href: 'a.svg' }, { kind: 'text', text: ')' },
  ])
})

test('what an evaluation says while it runs has words', () => {
  const source = readFileSync(new URL('../../../backend/domain/evaluation.py', import.meta.url), 'utf8')
  const codes = [...source.split('class EvaluationMessage')[1].split('class ')[0].matchAll(/ = "(\w+)"/g)].map((match) => match[1])
  assert.equal(codes.length, 4)
  for (const { messages } of Object.values(EVALUATION_TEXTS)) for (const code of codes) assert.ok(code in messages, code)
})

test('the tab speaks every language', () => {
  const { en, zh } = EVALUATION_TEXTS
  for (const [key, text] of Object.entries(zh)) {
    const english = en[key as keyof typeof en]
    if (typeof text === 'string') assert.ok(text !== '' && text !== english, key)
    else if (typeof text === 'object') for (const [part, word] of Object.entries(text)) assert.notEqual(word, (english as Record<string, string>)[part], `${key}.${part}`)
  }
})
