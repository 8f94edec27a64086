// Other series beside the annotated one: linked in millimetres where both files say where their images lie, else not.
import assert from 'node:assert/strict'
import { test } from 'node:test'

import { Companions } from '../../src/annotate/companions.ts'
import { MemoryStorage } from '../../src/annotate/outbox_storage.ts'
import { openSession, volume } from '../viewer/support.ts'
import { FakeServer } from './support.ts'

async function beside(here: boolean, there: boolean) {
  const { session } = openSession({ ...volume(), sidesKnown: here })
  const { shapeKji, spacingKjiMm, axisLetters, affineLps } = volume({ shapeKji: [15, 24, 32], spacingKjiMm: [1, 1, 1] })
  const api = new FakeServer()
    .on('GET', /volumes\/other$/, () => ({
      id: 'other', case_id: 'c', name: 'T1', modality: 'MR', shape_kji: shapeKji, spacing_kji_mm: spacingKjiMm, axis_letters: axisLetters, affine_lps: affineLps,
      channels: 1, value_range: [0, 9], windows: [], unit: '', warnings: [], series: {}, sides_known: there, sizes_known: true, pixels: 'now', text_risk: null,
    }))
    .on('GET', /measurements$/, () => ({ items: [], next_cursor: null }))
  const companions = new Companions({
    api, session, frameOfReference: '', others: [{ id: 'other', name: 'T1', modality: 'MR' }], readOnly: false, storage: new MemoryStorage(),
    me: { id: 'me', name: 'Me', email: 'm' }, newId: () => 'n', onProblem: (problem) => assert.fail(problem.detail),
  })
  await companions.toggle('other')
  session.view.setSlice(4)
  const [companion] = companions.open.value
  companions.close()
  return [companion.linked, companion.slice.value, companion.plane.value]
}

test('place and plane are shared only where both files say where their images lie', async () => {
  assert.deepEqual(await beside(true, true), [true, 12, 'axial'])
  assert.deepEqual(await beside(true, false), [false, 7, 'xy'])
  assert.deepEqual(await beside(false, true), [false, 7, 'axial'])
})
