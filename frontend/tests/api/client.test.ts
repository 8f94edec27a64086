import assert from 'node:assert/strict'
import { test } from 'node:test'

import { ABORTED, createClient, OFFLINE } from '../../src/api/client.ts'

type Reply = Response | Error | (() => Response)

function open(...replies: Reply[]) {
  const asked: { url: string; init: RequestInit }[] = []
  const waited: number[] = []
  let signedOut = 0
  const client = createClient({
    fetch: async (url, init) => {
      asked.push({ url: String(url), init: init! })
      const reply = replies.length > 1 ? replies.shift()! : replies[0]
      if (reply instanceof Error) throw reply
      return typeof reply === 'function' ? reply() : reply.clone()
    },
    wait: async (ms) => { waited.push(ms) },
    onUnauthenticated: () => signedOut++,
  })
  return { client, asked, waited, signedOut: () => signedOut }
}

const json = (body: unknown, status = 200) => new Response(JSON.stringify(body), { status })
const refused = (status: number, code: string) => json({ type: 't', title: 'T', status, code, detail: 'D', hint: 'H' }, status)

test('data comes back as data, with the query and the cookie sent', async () => {
  const { client, asked } = open(json({ items: [1] }))
  assert.deepEqual(await client.get('/api/x', { query: { a: 'b c', n: 2, none: null } }), { data: { items: [1] } })
  assert.equal(asked[0].url, '/api/x?a=b+c&n=2')
  assert.equal(asked[0].init.credentials, 'same-origin')
  assert.equal((asked[0].init.headers as Record<string, string>)['X-Sammed-CSRF'], undefined)
})

test('what changes something carries the header that foreign pages cannot send', async () => {
  const { client, asked } = open(json({}), new Response(null, { status: 204 }))
  await client.post('/api/x', { json: { a: 1 } })
  assert.equal(asked[0].init.body, '{"a":1}')
  assert.equal((asked[0].init.headers as Record<string, string>)['X-Sammed-CSRF'], '1')
  assert.deepEqual(await client.delete('/api/x'), { data: undefined })
  assert.equal((asked[1].init.headers as Record<string, string>)['X-Sammed-CSRF'], '1')
})

test('problem details come back whole; a page of a proxy becomes its status', async () => {
  const { client } = open(refused(422, 'invalid_prompts'), new Response('<html>', { status: 413, statusText: 'Too Large' }))
  const first = await client.post('/api/x')
  assert.deepEqual([first.error?.code, first.error?.hint, first.error?.status], ['invalid_prompts', 'H', 422])
  const second = await client.post('/api/x')
  assert.deepEqual([second.error?.code, second.error?.title], ['http_413', 'Too Large'])
})

test('reads are tried again when the server is busy or away; writes only when they say that it does no harm', async () => {
  const busy = open(refused(503, 'unavailable'), refused(503, 'unavailable'), json(7))
  assert.deepEqual(await busy.client.get('/api/x'), { data: 7 })
  assert.deepEqual(busy.waited, [300, 1000])
  const write = open(new TypeError('no network'), json(7))
  assert.equal((await write.client.post('/api/x')).error?.code, OFFLINE)
  assert.equal(write.asked.length, 1)
  const harmless = open(new TypeError('no network'), json(7))
  assert.deepEqual(await harmless.client.post('/api/x', { idempotent: true }), { data: 7 })
})

test('a refusal is not tried again, and there is an end to trying', async () => {
  const wrong = open(refused(404, 'not_found'))
  assert.equal((await wrong.client.get('/api/x')).error?.code, 'not_found')
  assert.equal(wrong.asked.length, 1)
  const away = open(new TypeError('no network'))
  assert.equal((await away.client.get('/api/x')).error?.code, OFFLINE)
  assert.equal(away.asked.length, 3)
})

test('online tells whether the server answered last', async () => {
  const { client } = open(new TypeError('no network'), refused(404, 'not_found'))
  assert.equal(client.online.value, true)
  await client.post('/api/x')
  assert.equal(client.online.value, false)
  await client.post('/api/x')
  assert.equal(client.online.value, true)
})

test('a request that its caller gave up is told as that, and the server is not thought away', async () => {
  const { client } = open(new DOMException('aborted', 'AbortError'))
  const controller = new AbortController()
  controller.abort()
  assert.equal((await client.get('/api/x', { signal: controller.signal })).error?.code, ABORTED)
  assert.equal(client.online.value, true)
})

test('nobody signed in is told once per answer', async () => {
  const { client, signedOut } = open(refused(401, 'unauthenticated'))
  await client.get('/api/me')
  assert.equal(signedOut(), 1)
})

test('bytes are bytes, and an answer that cannot be read is an error', async () => {
  const { client } = open(new Response(Uint8Array.of(1, 2, 3)), new Response('not json'))
  assert.deepEqual(new Uint8Array((await client.bytes('/api/x')).data!), Uint8Array.of(1, 2, 3))
  assert.equal((await client.get('/api/x')).error?.code, 'unreadable_answer')
})
