// What each role is offered: the same as the server's tables in backend/domain/workflow.py, read from that very file.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'

import { isLocked, movesFor, movesOf } from '../../src/pages/case_moves.ts'
import { may, ROLES, type Action } from '../../src/pages/permissions.ts'
import type { CaseState } from '../../src/api/project_types.ts'

const WORKFLOW = readFileSync(new URL('../../../backend/domain/workflow.py', import.meta.url), 'utf8')
const ACTIONS: readonly Action[] = ['view', 'annotate', 'upload', 'export', 'review', 'manage']
const STATES: readonly CaseState[] = ['new', 'assigned', 'in_progress', 'submitted', 'accepted', 'returned']

function serverActions(role: string): string[] {
  const line = new RegExp(`Role\\.${role.toUpperCase()}: frozenset\\((.*)\\),`).exec(WORKFLOW)
  assert.ok(line, `workflow.py has no row for ${role}`)
  if (line[1] === 'Action') return [...ACTIONS]
  return [...line[1].matchAll(/Action\.([A-Z]+)/g)].map((match) => match[1].toLowerCase())
}

function serverMoves(state: string): Array<{ to: string; needs: string }> {
  const table = WORKFLOW.slice(WORKFLOW.indexOf('TRANSITIONS'))
  const row = new RegExp(`CaseState\\.${state.toUpperCase()}: \\{([^}]*)\\}`).exec(table)
  assert.ok(row, `workflow.py has no transitions from ${state}`)
  return [...row[1].matchAll(/CaseState\.([A-Z_]+): Action\.([A-Z]+)/g)]
    .map((match) => ({ to: match[1].toLowerCase(), needs: match[2].toLowerCase() }))
}

test('a role is offered what the server allows it', () => {
  for (const role of ROLES) {
    const allowed = serverActions(role)
    for (const action of ACTIONS) assert.equal(may(role, action), allowed.includes(action), `${role} ${action}`)
  }
})

test('an unknown role is offered nothing', () => {
  assert.equal(may('owner', 'view'), false)
  assert.equal(may(null, 'view'), false)
  assert.equal(may('constructor', 'view'), false)
})

test('every move offered is one that the server accepts from that state and role', () => {
  for (const state of STATES) {
    for (const role of ROLES) {
      for (const to of movesOf(state, role)) {
        const move = serverMoves(state).find((candidate) => candidate.to === to)
        assert.ok(move, `${state} -> ${to}`)
        assert.ok(may(role, move.needs as Action), `${role}: ${state} -> ${to}`)
      }
    }
  }
})

test('annotators submit and reopen, reviewers decide', () => {
  assert.deepEqual(movesOf('in_progress', 'annotator'), ['submitted'])
  assert.deepEqual(movesOf('submitted', 'annotator'), ['in_progress'])
  assert.deepEqual(movesOf('submitted', 'reviewer'), ['accepted', 'returned', 'in_progress'])
  assert.deepEqual(movesOf('accepted', 'annotator'), [])
  assert.deepEqual(movesOf('new', 'viewer'), [])
})

test('who only annotates changes nothing of a case of somebody else', () => {
  const item = { state: 'in_progress', readings: [], assignee: { id: 'ben', name: 'Ben', email: '' } } as const
  assert.deepEqual(movesFor(item, 'annotator', 'ann'), [])
  assert.deepEqual(movesFor(item, 'annotator', 'ben'), ['submitted'])
  assert.deepEqual(movesFor({ ...item, assignee: null }, 'annotator', 'ann'), ['submitted'])
  assert.deepEqual(movesFor({ ...item, state: 'submitted' }, 'reviewer', 'ann'), ['accepted', 'returned', 'in_progress'])
})

test('nobody draws in what is accepted; in what is submitted only its reviewer', () => {
  const of = (state: CaseState, person: string | null) =>
    ({ state, readings: [], assignee: person === null ? null : { id: person, name: person, email: '' } })
  assert.equal(isLocked(of('in_progress', 'ann'), 'annotator', 'ann'), false)
  assert.equal(isLocked(of('submitted', 'ann'), 'annotator', 'ann'), true)
  assert.equal(isLocked(of('submitted', 'ann'), 'reviewer', 'rosa'), false)
  assert.equal(isLocked(of('submitted', 'rosa'), 'reviewer', 'rosa'), true)
  assert.equal(isLocked(of('submitted', null), 'manager', 'mia'), true)
  assert.equal(isLocked(of('accepted', 'ann'), 'manager', 'mia'), true)
})
