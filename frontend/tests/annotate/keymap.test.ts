// Keys that a person changed: what they do then, what others lose, and how they are kept.
import assert from 'node:assert/strict'
import { afterEach, test } from 'node:test'

import { ACTIONS, actionById } from '../../src/annotate/actions.ts'
import { chordOf, matches, type KeyPress } from '../../src/annotate/chords.ts'
import { holderOf, storeKeys, withKey, withUsual } from '../../src/annotate/key_changes.ts'
import { actionFor, keyChanges, keysOf, showKeys } from '../../src/annotate/keymap.ts'
import { found } from '../../src/panels/annotate/command_search.ts'
import { FakeServer, Refusal } from './support.ts'

const BRUSH = actionById('tool.brush'), BOX = actionById('tool.box'), NEXT = actionById('slices.next')

function press(key: string, more: Partial<KeyPress> = {}): KeyPress {
  const code = /^\d$/.test(key) ? `Digit${key}` : key === ' ' ? 'Space' : key
  return { key, code, ctrlKey: false, metaKey: false, altKey: false, shiftKey: false, ...more }
}

afterEach(() => showKeys({}))

test('a pressed key becomes the text that matches it again', () => {
  const presses: [KeyPress, string][] = [
    [press('b'), 'b'], [press('B', { shiftKey: true }), 'Shift+b'], [press('B'), 'b'], [press('k', { metaKey: true }), 'Ctrl+k'],
    [press('?', { shiftKey: true }), '?'], [press('!', { code: 'Digit1', shiftKey: true }), 'Shift+Digit1'], [press('3'), '3'],
    [press(' ', { ctrlKey: true }), 'Ctrl+Space'], [press('ArrowUp', { shiftKey: true }), 'Shift+ArrowUp'], [press('F7'), 'F7'],
    [press('¡', { code: 'Digit1', altKey: true }), 'Alt+Digit1'], [press('+'), '+'], [press('+', { ctrlKey: true }), 'Ctrl++'],
  ]
  for (const [event, chord] of presses) {
    assert.equal(chordOf(event), chord)
    assert.ok(matches(chord, event), chord)
  }
  assert.equal(chordOf(press('Shift', { shiftKey: true })), null, 'more is coming')
})

test('the usual keys are written as presses are', () => {
  for (const { id, keys } of ACTIONS) {
    for (const chord of keys) assert.ok(!/^[a-z]+$/i.test(chord) || chord.length === 1 || chord[0] === chord[0].toUpperCase(), `${id}: ${chord}`)
  }
})

test('a new key takes the place of the old ones', () => {
  showKeys(withKey({}, BRUSH, 'F7'))
  assert.equal(actionFor(press('F7')), BRUSH)
  assert.equal(actionFor(press('b')), null)
  assert.deepEqual(keyChanges.value, { 'tool.brush': ['F7'] })
})

test('a key that another command has is taken over, of several only that one', () => {
  assert.equal(holderOf('X', BRUSH), BOX)
  assert.equal(holderOf('b', BRUSH), null)
  showKeys(withKey({}, BRUSH, 'f'))
  assert.equal(actionFor(press('f')), BRUSH)
  assert.deepEqual(keysOf(NEXT), ['ArrowDown'])
  const every = ACTIONS.flatMap((action) => keysOf(action).map((chord) => chord.toLowerCase()))
  assert.equal(new Set(every).size, every.length, 'a key still belongs to one command')
})

test('the usual key comes back, except one that another command has by now', () => {
  const swapped = withKey(withKey({}, BRUSH, 'x'), BOX, 'b')
  const brushBack = withUsual(swapped, BRUSH)
  assert.deepEqual(brushBack, { 'tool.brush': [], 'tool.box': ['b'] }, 'its usual key is the box’s now')
  assert.deepEqual(withUsual(withUsual(brushBack, BOX), BRUSH), {})
  assert.deepEqual(withUsual(withKey({}, BRUSH, 'F7'), BRUSH), {}, 'nothing is kept of what is as usual')
})

test('changed keys are kept with the account; what the server refuses does not hold', async () => {
  const server = new FakeServer().on('PATCH', /api\/me$/, () => ({}))
  assert.equal(await storeKeys(server, { 'tool.brush': ['F7'] }), null)
  assert.deepEqual(server.asked[0].json, { keys: { 'tool.brush': ['F7'] } })
  server.on('PATCH', /api\/me$/, () => new Refusal(403, 'read_only_token'))
  assert.equal((await storeKeys(server, {}))?.code, 'read_only_token')
  assert.deepEqual(keyChanges.value, { 'tool.brush': ['F7'] })
})

test('commands are found by parts of their names, those that begin with it first', () => {
  const commands = [{ name: 'Smaller brush' }, { name: 'Brush' }, { name: 'Box' }]
  assert.deepEqual(found(commands, 'BRUSH').map(({ name }) => name), ['Brush', 'Smaller brush'])
  assert.deepEqual(found(commands, 'bru small').map(({ name }) => name), ['Smaller brush'])
  assert.equal(found(commands, ' ').length, 3)
})
