// What is wrong with the installation, as one rule.
import assert from 'node:assert/strict'
import { test } from 'node:test'

import { diagnose } from '../../src/panels/system_watch.ts'
import type { SystemOut } from '../../src/api/types.ts'

const WELL: SystemOut = {
  version: '1', model: 'sammed-small', workers: { click: 1, encode: 1, train: 1, io: 1 }, database: 'ok', redis: 'ok', cache: 'ok', problems: [],
}
const kinds = (online: boolean, system: Partial<SystemOut> | null) =>
  diagnose(online, system && { ...WELL, ...system }).map((trouble) => trouble.kind)

test('all well, and nothing known yet, show nothing', () => {
  assert.deepEqual(kinds(true, {}), [])
  assert.deepEqual(kinds(true, null), [])
})

test('the cause hides its consequences', () => {
  assert.deepEqual(kinds(false, { redis: 'down', workers: {} }), ['offline'])
  assert.deepEqual(kinds(true, { redis: 'down', workers: { click: 0, io: 0 } }), ['queue'])
  assert.deepEqual(kinds(true, { workers: { click: 0, encode: 0, io: 0 } }), ['no_workers'])
})

test('one missing worker is named; the server may state the rest', () => {
  assert.deepEqual(kinds(true, { workers: { click: 0, encode: 1, io: 1 } }), ['no_click'])
  assert.deepEqual(kinds(true, { workers: { click: 1, encode: 1, io: 0 } }), ['no_io'])
  assert.deepEqual(diagnose(true, { ...WELL, problems: [{ code: 'disk_full', detail: 'No space.', hint: 'Make some.' }] }),
    [{ kind: 'stated', detail: 'No space.', hint: 'Make some.' }])
})
