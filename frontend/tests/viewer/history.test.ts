import assert from 'node:assert/strict'
import { test } from 'node:test'

import { History } from '../../src/viewer/history.ts'

function numbers() {
  let total = 0
  const history = new History<number>((change, direction) => { total += direction === 'undo' ? -change : change })
  const add = (change: number) => {
    total += change
    history.record(change)
  }
  return { history, add, total: () => total }
}

test('what lies between two marks is one step, undone in reverse and redone in order', () => {
  const { history, add, total } = numbers()
  history.mark()
  add(1)
  add(2)
  history.mark()
  add(10)
  history.undo()
  assert.equal(total(), 3)
  history.undo()
  assert.equal(total(), 0)
  assert.equal(history.canUndo.value, false)
  history.redo()
  assert.equal(total(), 3)
  history.redo()
  assert.equal(total(), 13)
  assert.equal(history.canRedo.value, false)
})

test('steps are replayed in the right order', () => {
  const seen: string[] = []
  const history = new History<string>((change, direction) => seen.push(`${direction} ${change}`))
  history.record('a')
  history.record('b')
  history.undo()
  history.redo()
  assert.deepEqual(seen, ['undo b', 'undo a', 'redo a', 'redo b'])
})

test('bail takes back what came after the mark and leaves nothing to redo', () => {
  const { history, add, total } = numbers()
  add(5)
  history.mark()
  add(7)
  history.bail()
  assert.equal(total(), 5)
  assert.equal(history.canRedo.value, false)
  history.undo()
  assert.equal(total(), 0)
})

test('a new change ends the way forward', () => {
  const { history, add, total } = numbers()
  add(1)
  history.undo()
  add(4)
  history.redo()
  assert.equal(total(), 4)
})

test('applying a change does not record it again', () => {
  const history: History<number> = new History((change) => history.record(change))
  history.record(1)
  history.undo()
  assert.equal(history.canUndo.value, false)
  history.undo()
  history.redo()
  history.redo()
  assert.equal(history.canRedo.value, false)
})

test('marks without changes make no steps', () => {
  const { history, add, total } = numbers()
  add(1)
  for (let n = 0; n < 5; n++) history.mark()
  history.undo()
  assert.equal(total(), 0)
})
