import assert from 'node:assert/strict'
import { test } from 'node:test'

import { ACTIONS, actionById, isEnabled } from '../../src/annotate/actions.ts'
import type { Annotator } from '../../src/annotate/annotator.ts'
import { chordOf, formatKeys, matches, withKeysOf, type KeyPress } from '../../src/annotate/chords.ts'
import { bindKeys } from '../../src/annotate/keyboard.ts'
import { actionFor } from '../../src/annotate/keymap.ts'

function press(key: string, more: Partial<KeyPress> = {}): KeyPress {
  const code = /^\d$/.test(key) ? `Digit${key}` : key === ' ' ? 'Space' : key
  return { key, code, ctrlKey: false, metaKey: false, altKey: false, shiftKey: false, ...more }
}

test('ids are unique and no two actions share a key', () => {
  const ids = ACTIONS.map(({ id }) => id)
  assert.equal(new Set(ids).size, ids.length)
  const keys = ACTIONS.flatMap((action) => action.keys.map((chord) => chord.toLowerCase()))
  assert.deepEqual(keys.filter((chord, n) => keys.indexOf(chord) !== n), [])
})

test('the customary keys do what people expect', () => {
  const expected: [KeyPress, string][] = [
    [press('ArrowDown'), 'slices.next'], [press('d'), 'slices.previous'], [press('f'), 'slices.next'],
    [press('Enter'), 'proposal.accept'], [press('Enter', { ctrlKey: true }), 'case.submit'], [press('Escape'), 'proposal.reject'],
    [press('z', { ctrlKey: true }), 'edit.undo'], [press('z', { metaKey: true }), 'edit.undo'], [press('z'), 'tool.zoom'],
    [press('Z', { ctrlKey: true, shiftKey: true }), 'edit.redo'], [press('y', { ctrlKey: true }), 'edit.redo'],
    [press('3'), 'labels.choose3'], [press('1', { altKey: true, key: '¡' }), 'window.preset1'],
    [press('!', { code: 'Digit1', shiftKey: true }), 'slices.plane1'], [press('0', { altKey: true }), 'window.auto'],
    [press('+', { shiftKey: true }), 'view.zoomIn'], [press('='), 'view.fit'], [press('?', { shiftKey: true }), 'case.help'],
    [press(' '), 'view.reset'], [press(' ', { ctrlKey: true }), 'slices.play'], [press('s', { ctrlKey: true }), 'edit.save'],
    [press('s'), 'labels.toggle'], [press('['), 'edit.smallerBrush'], [press('Backspace'), 'proposal.removePrompt'],
    [press('ArrowLeft', { shiftKey: true }), 'pointer.left12'], [press('ArrowUp', { shiftKey: true, ctrlKey: true }), 'pointer.up1'],
    [press('Enter', { shiftKey: true }), 'pointer.press'], [press('Enter', { altKey: true }), 'pointer.opposite'],
    [press('D', { shiftKey: true }), 'edit.copyPrevious'], [press('D'), 'slices.previous'], [press('b'), 'tool.brush'],
  ]
  for (const [event, id] of expected) assert.equal(actionFor(event)?.id, id, JSON.stringify(event))
  for (const event of [press('c', { ctrlKey: true }), press('b', { ctrlKey: true }), press('F5'), press('r', { ctrlKey: true })]) {
    assert.equal(actionFor(event), null, `${event.key} belongs to the browser`)
  }
})

test('a Mac writes other characters with Alt, other alphabets write no Latin letters, and brackets may need AltGr', () => {
  const expected: [KeyPress, string][] = [
    [press('π', { code: 'KeyP', altKey: true }), 'tool.scribble'], [press('≈', { code: 'KeyX', altKey: true }), 'tool.encircle'],
    [press('¡', { code: 'Digit1', altKey: true }), 'window.preset1'], [press('k', { code: 'KeyK', metaKey: true }), 'case.palette'],
    [press('и', { code: 'KeyB' }), 'tool.brush'], [press('Process', { code: 'KeyB' }), 'tool.brush'], [press('Я', { code: 'KeyZ', ctrlKey: true, shiftKey: true }), 'edit.redo'],
    [press('[', { code: 'Digit8', ctrlKey: true, altKey: true }), 'edit.smallerBrush'], [press(' ', { shiftKey: true }), 'slices.play'],
  ]
  for (const [event, id] of expected) assert.equal(actionFor(event)?.id, id, JSON.stringify(event))
  assert.equal(chordOf(press('Dead', { code: 'KeyE', altKey: true })), 'Alt+e', 'an accent that waits for its letter')
  assert.equal(actionFor(press('ö', { code: 'Semicolon' })), null)
})

test('modifiers have to be exactly those', () => {
  assert.ok(matches('Ctrl+Shift+z', press('Z', { ctrlKey: true, shiftKey: true })))
  assert.ok(!matches('Ctrl+z', press('Z', { ctrlKey: true, shiftKey: true })))
  assert.ok(!matches('Ctrl+z', press('z', { ctrlKey: true, altKey: true })))
})

test('keys are written as the computer writes them', () => {
  assert.equal(formatKeys('Ctrl+Shift+z', false), 'Ctrl+Shift+Z')
  assert.equal(formatKeys('Ctrl+Shift+z', true), '⇧⌘Z')
  assert.equal(formatKeys('Alt+p', true), '⌥P')
  assert.equal(formatKeys('Alt+Enter', true), '⌥↩')
  assert.equal(withKeysOf(true, 'Ctrl + click, Alt over it'), '⌘ + click, ⌥ over it')
  assert.equal(withKeysOf(false, 'Ctrl + click'), 'Ctrl + click')
  assert.equal(formatKeys('Alt+Digit2', false), 'Alt+2')
  assert.equal(formatKeys('ArrowUp', false), '↑')
  assert.equal(formatKeys('+', false), '+')
})

test('a digit chooses the label that asks for it, else the one at its place', () => {
  const labels = [
    { id: 'a', shortcut: null }, { id: 'b', shortcut: '1' }, { id: 'c', shortcut: null },
  ]
  const chosen: string[] = []
  const annotator = { labels: { value: labels }, setActiveLabel: (id: string) => chosen.push(id) } as unknown as Annotator
  const choose = (digit: number) => {
    const action = actionById(`labels.choose${digit}`)
    if (isEnabled(action, annotator)) action.perform(annotator, undefined as never)
  }
  for (const digit of [1, 2, 3, 4]) choose(digit)
  assert.deepEqual(chosen, ['b', 'c'])
})

test('a gesture of several presses has Enter, Backspace and Escape for itself; Shift+Enter goes on pressing', (t) => {
  Object.assign(globalThis, { HTMLElement: class {} }) // what has the focus is none of the page's controls
  t.after(() => { delete (globalThis as { HTMLElement?: unknown }).HTMLElement })
  const target = new EventTarget(), heard: string[] = []
  const gesture = { cancel: () => heard.push('cancel') > 0, complete: () => heard.push('complete') > 0, back: () => heard.push('back') > 0 }
  const annotator = { pressPointer: ({ alt = false } = {}) => heard.push(`press ${alt}`), labels: { value: [] } } as unknown as Annotator
  const stop = bindKeys(annotator, undefined as never, target as unknown as Window, gesture)
  for (const event of [press('Enter'), press('Enter', { shiftKey: true }), press('Enter', { altKey: true }), press('Backspace'), press('Escape')]) {
    target.dispatchEvent(Object.assign(new Event('keydown', { cancelable: true }), event))
  }
  stop()
  assert.deepEqual(heard, ['complete', 'press false', 'press true', 'back', 'cancel'])
})
