// Addresses: every page has one, links lead back to the page they were made for, foreign addresses lead nowhere.
import assert from 'node:assert/strict'
import { test } from 'node:test'

import { hrefTo, parseRoute, PROJECT_TABS } from '../../src/pages/router.ts'

const ID = '01a208ab-5749-7374-8e1e-179c8cde38bb'

test('every link leads to the page it names', () => {
  assert.deepEqual(parseRoute(hrefTo.projects()), { page: 'projects' })
  assert.deepEqual(parseRoute(hrefTo.account()), { page: 'account' })
  assert.deepEqual(parseRoute(hrefTo.work()), { page: 'work' })
  assert.deepEqual(parseRoute(hrefTo.people()), { page: 'people', tab: 'accounts' })
  assert.deepEqual(parseRoute(hrefTo.people('log')), { page: 'people', tab: 'log' })
  for (const tab of PROJECT_TABS) {
    assert.deepEqual(parseRoute(hrefTo.project(ID, tab)), { page: 'project', projectId: ID, tab })
  }
  assert.deepEqual(parseRoute(hrefTo.annotate(ID)), { page: 'annotate', caseId: ID, volumeId: null, readerId: null })
  assert.deepEqual(parseRoute(hrefTo.annotate(ID, 'v')), { page: 'annotate', caseId: ID, volumeId: 'v', readerId: null })
  assert.deepEqual(parseRoute(hrefTo.annotate(ID, 'v', 'r')), { page: 'annotate', caseId: ID, volumeId: 'v', readerId: 'r' })
})

test('the one-time token and the way back are read from the sign-in address', () => {
  assert.deepEqual(parseRoute('/login?token=abc'), { page: 'login', token: 'abc', next: null, failed: null })
  assert.deepEqual(parseRoute(hrefTo.login(`/cases/${ID}?volume=v`)), { page: 'login', token: null, next: `/cases/${ID}?volume=v`, failed: null })
  assert.deepEqual(parseRoute('/login?failed=oidc_stale'), { page: 'login', token: null, next: null, failed: 'oidc_stale' })
  assert.equal(hrefTo.login('/'), '/login')
})

test('signing in never leads to another site', () => {
  for (const next of ['https://evil.example', '//evil.example', '/\\evil.example', 'javascript:alert(1)', '']) {
    const route = parseRoute(`/login?next=${encodeURIComponent(next)}`)
    assert.equal(route.page === 'login' && route.next, null, next)
  }
})

test('what is no page is missing', () => {
  for (const path of ['/nowhere', `/projects/${ID}/nothing`, `/cases/${ID}/x`, '/login/x', '/account/x', '/works', '/people/x', `/projects/${ID}/labels/x`]) {
    assert.equal(parseRoute(path).page, 'missing', path)
  }
})

test('a blinded comparison has an address of its own, and its list a tab', () => {
  assert.deepEqual(parseRoute(hrefTo.judge('c1')), { page: 'judge', comparisonId: 'c1' })
  assert.deepEqual(parseRoute(hrefTo.project('p1', 'comparisons')), { page: 'project', projectId: 'p1', tab: 'comparisons' })
  assert.equal(parseRoute('/comparisons').page, 'missing')
})
