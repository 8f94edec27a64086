// Labels while they are written: the anatomy catalogue and its search, colours that stay apart, keys, checks.
import assert from 'node:assert/strict'
import { test } from 'node:test'

import { ANATOMY, searchAnatomy } from '../../src/panels/anatomy.ts'
import { draftByHand, draftFromAnatomy, faultOfDrafts, toLabelIn, withShortcut } from '../../src/panels/label_drafts.ts'
import { colorDistance, LABEL_PALETTE, LOOKS_ALIKE, nextColor, nextShortcut } from '../../src/panels/palette.ts'

const find = (name: string) => ANATOMY.find((item) => item.names.en === name)!
const names = (query: string) => searchAnatomy(query).map((item) => item.names.en)

test('the catalogue has one row per name, plain colours and plausible SNOMED CT codes', () => {
  for (const language of ['en', 'zh'] as const) {
    const all = ANATOMY.map((item) => item.names[language])
    assert.equal(new Set(all).size, all.length)
    assert.ok(all.every((name) => name !== ''))
  }
  for (const { color, code } of ANATOMY) {
    assert.match(color, /^#[0-9a-f]{6}$/)
    assert.equal(code.scheme, 'SCT')
    assert.ok(verhoeff(code.value), `${code.value} has a wrong check digit`)
    assert.ok(code.meaning.length <= 64)
  }
})

test('search finds by name, by synonym, by code and in Chinese; names that begin so come first', () => {
  assert.deepEqual(names('kid').slice(0, 3), ['Kidney', 'Left kidney', 'Right kidney'])
  assert.ok(names('kid').includes('Renal pelvis'))
  assert.ok(names('renal').includes('Kidney'))
  assert.ok(names('tumour').includes('Tumor'))
  assert.deepEqual(names('10200004'), ['Liver'])
  assert.ok(names('肾').includes('Kidney'))
  assert.deepEqual(names('left kid'), ['Left kidney'])
  assert.deepEqual(names('xyzzy'), [])
  assert.equal(searchAnatomy('  ').length, ANATOMY.length)
})

test('a structure keeps its customary colour, unless a label looks like it already', () => {
  const liver = draftFromAnatomy(find('Liver'), 'en', [])
  assert.equal(liver.color, find('Liver').color)
  assert.deepEqual(liver.code, { scheme: 'SCT', value: '10200004', meaning: 'Liver' })
  const kidney = draftFromAnatomy(find('Kidney'), 'zh', [liver])
  assert.equal(kidney.name, '肾脏')
  assert.ok(colorDistance(kidney.color, liver.color) >= LOOKS_ALIKE)
})

test('twelve labels made one after the other all look different', () => {
  const labels: Array<ReturnType<typeof draftByHand>> = []
  for (let n = 0; n < LABEL_PALETTE.length; n += 1) labels.push(draftByHand(`${n}`, labels))
  for (const [n, a] of labels.entries()) {
    for (const b of labels.slice(n + 1)) assert.ok(colorDistance(a.color, b.color) >= LOOKS_ALIKE, `${a.color} ${b.color}`)
  }
  assert.equal(nextColor(labels.map((label) => label.color)), LABEL_PALETTE[0], 'then it begins again')
})

test('colour distance: none to itself, one from black to white, the same both ways', () => {
  assert.equal(colorDistance('#123456', '#123456'), 0)
  assert.ok(Math.abs(colorDistance('#000000', '#ffffff') - 1) < 1e-6)
  assert.equal(colorDistance('#ff0000', '#00ff00'), colorDistance('#00ff00', '#ff0000'))
})

test('digit keys: the lowest free one, none after nine, taken over from another label', () => {
  assert.equal(nextShortcut(['1', null, '3']), '2')
  assert.equal(nextShortcut([...'123456789']), null)
  const labels = [{ shortcut: '1' }, { shortcut: '2' }, { shortcut: null }]
  assert.deepEqual(withShortcut(labels, 2, '1').map((label) => label.shortcut), [null, '2', '1'])
  assert.deepEqual(withShortcut(labels, 0, null).map((label) => label.shortcut), [null, '2', null])
})

test('labels need names, and different ones', () => {
  assert.equal(faultOfDrafts([{ name: 'a' }, { name: 'b' }]), null)
  assert.deepEqual(faultOfDrafts([{ name: 'a' }, { name: ' ' }]), { kind: 'nameless' })
  assert.deepEqual(faultOfDrafts([{ name: 'Liver' }, { name: ' liver ' }]), { kind: 'twice', name: 'liver' })
  assert.equal(toLabelIn({ ...draftByHand(' Liver ', []) }).name, 'Liver')
})

/** The check digit that every SNOMED CT identifier ends with. */
function verhoeff(id: string): boolean {
  const multiply = (a: number, b: number): number =>
    a < 5 ? (b < 5 ? (a + b) % 5 : ((a + b) % 5) + 5) : b < 5 ? ((a - b + 5) % 5) + 5 : (a - b + 5) % 5
  const base = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4]
  let check = 0
  for (const [place, digit] of [...id].reverse().entries()) {
    let value = Number(digit)
    for (let n = 0; n < place % 8; n += 1) value = base[value]
    check = multiply(check, value)
  }
  return check === 0
}
