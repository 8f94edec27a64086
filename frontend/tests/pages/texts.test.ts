// The catalogues: complete for what other files name by string, and the choice of language.
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'

import { ACTIONS } from '../../src/annotate/actions.ts'
import { en } from '../../src/i18n/en.ts'
import { exchangeEn } from '../../src/i18n/exchange_en.ts'
import { exchangeZh } from '../../src/i18n/exchange_zh.ts'
import { formatBytes, formatDate, formatMillilitres } from '../../src/i18n/format.ts'
import { windowsEn } from '../../src/i18n/windows_en.ts'
import { windowsZh } from '../../src/i18n/windows_zh.ts'
import { signInEn } from '../../src/i18n/sign_in_en.ts'
import { signInZh } from '../../src/i18n/sign_in_zh.ts'
import { teamEn } from '../../src/i18n/team_en.ts'
import { teamZh } from '../../src/i18n/team_zh.ts'
import { chooseLanguage } from '../../src/i18n/text.ts'
import { zh } from '../../src/i18n/zh.ts'
import { presetKey } from '../../src/panels/annotate/preset_key.ts'

/** The names that the server gives to customary windows. */
function customaryWindows(): string[] {
  const source = readFileSync(new URL('../../../backend/imaging/intensity.py', import.meta.url), 'utf8')
  const names = [...source.matchAll(/Window\("([^"]+)"/g)].map((match) => match[1])
  assert.ok(names.length >= 6)
  return names
}

type Tree = { readonly [key: string]: unknown }

function leaves(tree: Tree, path = ''): Array<[string, unknown]> {
  return Object.entries(tree).flatMap(([key, value]) =>
    typeof value === 'object' && value !== null ? leaves(value as Tree, `${path}${key}.`) : [[path + key, value] as [string, unknown]])
}

test('every action and customary window has a name in every language', () => {
  for (const catalogue of [en, zh]) {
    const actions: Tree = catalogue.actions
    const presets: Tree = catalogue.annotate.presetNames
    for (const { label } of ACTIONS) assert.equal(typeof actions[label], 'string', label)
    for (const name of customaryWindows()) assert.equal(typeof presets[presetKey(name)], 'string', name)
  }
})

test('problems that have words in other languages are problems of the server', () => {
  const backend = new URL('../../../backend/', import.meta.url)
  const sources = readdirSync(backend, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.py'))
  const codes = new Set(sources.flatMap((name) => [...readFileSync(new URL(name, backend), 'utf8').matchAll(/^    code = "(\w+)"/gm)].map((match) => match[1])))
  assert.deepEqual(Object.keys(zh.problems).filter((code) => !codes.has(code)), ['offline', 'unreadable_answer'])  // those are the client's own
  for (const code of ['assignee_not_a_member', 'label_in_use', 'role_forbids', 'forbidden_transition']) assert.ok(zh.problems[code], code)
})

test('every message of a job has a text in every language', () => {
  const source = readFileSync(new URL('../../../backend/domain/jobs.py', import.meta.url), 'utf8')
  const codes = [...source.split('class JobMessage(StrEnum):')[1].split('\nclass ')[0].matchAll(/= "(\w+)"/g)].map((match) => match[1])
  assert.ok(codes.length >= 8)
  for (const [main, exchange] of [[en, exchangeEn], [zh, exchangeZh]] as const) {
    const named = [...Object.keys(main.learning.messages), ...Object.keys(exchange.messages)]
    assert.deepEqual(named.toSorted(), codes.toSorted())
  }
})

test('every way in which signing in with an organisation fails has a text in every language', () => {
  const read = (name: string) => readFileSync(new URL(`../../../backend/services/${name}.py`, import.meta.url), 'utf8')
  const codes = ['oidc', 'oidc_provider'].flatMap((name) => [...read(name).matchAll(/^    code = "(\w+)"/gm)].map((match) => match[1]))
  assert.ok(codes.length >= 9)
  for (const catalogue of [signInEn, signInZh]) {
    assert.deepEqual(Object.keys(catalogue.failed).toSorted(), [...codes, 'account_deactivated', 'too_many_logins'].toSorted())
  }
})

test('no action text is left over', () => {
  const used = new Set(ACTIONS.map((action) => action.label))
  for (const label of Object.keys(en.actions)) assert.ok(used.has(label), label)
})

test('no text is empty, and the Chinese ones are Chinese', () => {
  const same = new Set(['common.appName', 'common.none', 'annotate.window', 'annotate.level', 'annotate.escape', 'annotate.sliceOf'])
  const english = new Map([
    ...leaves(en), ...leaves(teamEn, 'team.'), ...leaves(exchangeEn, 'exchange.'), ...leaves(windowsEn, 'windows.'), ...leaves(signInEn, 'signIn.'),
  ])
  const chinese = [
    ...leaves(zh), ...leaves(teamZh, 'team.'), ...leaves(exchangeZh, 'exchange.'), ...leaves(windowsZh, 'windows.'), ...leaves(signInZh, 'signIn.'),
  ]
  for (const [path, text] of chinese) {
    assert.notEqual(text, '', path)
    if (typeof text === 'string' && !same.has(path)) assert.notEqual(text, english.get(path), path)
  }
})

test('the stored language wins, then the browser’s, then English', () => {
  assert.equal(chooseLanguage('zh', ['en']), 'zh')
  assert.equal(chooseLanguage('xx', ['de-DE', 'zh-Hans-CN']), 'zh')
  assert.equal(chooseLanguage(null, ['de']), 'en')
})

test('numbers read as people write them', () => {
  assert.equal(formatBytes(999, 'en'), '999 B')
  assert.equal(formatBytes(1500, 'en'), '1.5 kB')
  assert.equal(formatBytes(999_600, 'en'), '1.0 MB')
  assert.equal(formatBytes(52_428_800, 'en'), '52 MB')
  assert.equal(formatMillilitres(5.4, 'en'), '5.40 ml')
  assert.equal(formatMillilitres(41.23, 'en'), '41.2 ml')
  assert.equal(formatMillilitres(1543.2, 'en'), '1,543 ml')
  const now = new Date('2026-11-23T12:00:00Z')
  assert.equal(formatDate('2026-11-03T12:00:00Z', 'en', now), '3 Nov')
  assert.equal(formatDate('2025-11-03T12:00:00Z', 'en', now), '3 Nov 2025')
})
