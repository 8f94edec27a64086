import assert from 'node:assert/strict'
import { test } from 'node:test'

import { createEarly } from '../../src/api/early.ts'

/** Answers with the number of the request, or with the statuses that are given. */
function open(...statuses: number[]) {
  const sent: string[] = []
  let nowMs = 0
  const early = createEarly(async (input) => {
    sent.push(String(input))
    const status = statuses.shift() ?? 200
    if (status === 0) throw new TypeError('no server')
    return new Response(String(sent.length), { status })
  }, () => nowMs)
  return { early, sent, later: (ms: number) => { nowMs += ms } }
}

test('what was asked early is answered by that request, once', async () => {
  const { early, sent } = open()
  early.ask('/api/x?a=1')
  assert.equal(await (await early.fetch('/api/x?a=1', { method: 'GET' })).text(), '1')
  assert.equal(await (await early.fetch('/api/x?a=1', { method: 'GET' })).text(), '2')
  assert.deepEqual(sent, ['/api/x?a=1', '/api/x?a=1'])
})

test('another address, another method and another moment are requests of their own', async () => {
  const { early, sent, later } = open()
  early.ask('/api/x')
  await early.fetch('/api/y')
  await early.fetch('/api/x', { method: 'POST' })
  later(6000)
  assert.equal(await (await early.fetch('/api/x')).text(), '4')
  assert.equal(sent.length, 4)
})

test('an early request that failed is made again', async () => {
  for (const status of [0, 401, 503]) {
    const { early, sent } = open(status)
    early.ask('/api/x')
    assert.equal(await (await early.fetch('/api/x')).text(), '2', String(status))
    assert.equal(sent.length, 2)
  }
})
