// The windows of a project while they are edited, and when somebody says from the picture what to open volumes with.
import assert from 'node:assert/strict'
import { test } from 'node:test'

import { choicesOf, clash, drafted, stored } from '../../src/pages/window_drafts.ts'
import { withFirst } from '../../src/pages/window_first.ts'

const PANCREAS = { name: 'Pancreas', width: 250, center: 60.5 }

test('what is stored comes back as it was, and nothing asked for is nothing stored', () => {
  const kept = { first: 'Pancreas', presets: [PANCREAS] }
  assert.deepEqual(stored(drafted(kept)), kept)
  assert.deepEqual(stored({ first: 'Lung', presets: [] }), { first: 'Lung', presets: [] })
  assert.equal(stored(drafted(undefined)), null)
})

test('one may choose among the project’s own windows and those that series offer, each once', () => {
  const draft = { first: 'Gone', presets: [{ name: ' Pancreas ', width: '250', center: '60' }, { name: 'Lung', width: '1', center: '1' }, { name: '', width: '', center: '' }] }
  assert.deepEqual(choicesOf('CT', draft).slice(0, 3), ['Pancreas', 'Lung', 'Soft tissue'])
  assert.equal(choicesOf('CT', draft).filter((name) => name === 'Lung').length, 1)
  assert.ok(choicesOf('MR', draft).includes('1-99 % of tissue') && choicesOf('US', draft).includes('1-99 %'))
  assert.ok(choicesOf('MR', draft).includes('Gone'), 'what is chosen now stays a choice')
})

test('two windows of one name are noticed', () => {
  const lung = { name: 'Lung', width: '1', center: '1' }
  assert.equal(clash({ first: '', presets: [lung, { ...lung, name: 'Lung ' }] }), true)
  assert.equal(clash({ first: '', presets: [lung, { ...lung, name: 'Bone' }] }), false)
})

test('a window that the volume offers is named, another one becomes the project’s, once', () => {
  const offered = [{ name: 'Soft tissue', width: 400, center: 40 }, { name: '', width: 7, center: 8 }]
  const before = { MR: { first: 'PET', presets: [] }, CT: { first: null, presets: [PANCREAS] } }
  const known = withFirst(before, 'CT', { width: 400, center: 40 }, offered, 'Project')
  assert.deepEqual(known, { name: 'Soft tissue', windows: { ...before, CT: { first: 'Soft tissue', presets: [PANCREAS] } } })
  const once = withFirst(before, 'CT', { width: 7, center: 8 }, offered, 'Project')
  assert.deepEqual(once.windows['CT'], { first: 'Project', presets: [PANCREAS, { name: 'Project', width: 7, center: 8 }] })
  const twice = withFirst(once.windows, 'CT', { width: 9, center: 8 }, offered, 'Project')
  assert.deepEqual(twice.windows['CT']?.presets, [PANCREAS, { name: 'Project', width: 9, center: 8 }])
})
