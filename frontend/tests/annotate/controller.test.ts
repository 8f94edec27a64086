import assert from 'node:assert/strict'
import { test } from 'node:test'

import { openAnnotator, type AnnotatorOptions } from '../../src/annotate/controller.ts'
import { MemoryStorage } from '../../src/annotate/outbox_storage.ts'
import { ApiError } from '../../src/api/client.ts'
import type { RevisionIn } from '../../src/api/types.ts'
import { slicePoint } from '../../src/viewer/geometry.ts'
import { toCoco } from '../../src/viewer/mask.ts'
import { rectangle } from '../viewer/support.ts'
import { FakeServer, later, Refusal, settle } from './support.ts'

const ROWS = 10, COLUMNS = 12, SLICES = 6
const rect = (x0: number, y0: number, x1: number, y1: number) => rectangle(ROWS, COLUMNS, x0, y0, x1, y1)

function sliceBytes(): ArrayBuffer {
  const buffer = new ArrayBuffer(16 + ROWS * COLUMNS)
  const view = new DataView(buffer)
  new Uint8Array(buffer).set([83, 77, 87, 49, 1, 1])
  view.setUint32(8, ROWS, true)
  view.setUint32(12, COLUMNS, true)
  new Uint8Array(buffer, 16).fill(7)
  return buffer
}

function measurement(id: string) {
  return {
    id, volume_id: 'v', author: { id: 'me', name: 'Me', email: 'm' }, created_at: '2026-01-01T00:00:00Z', kind: 'length', axis: 0, slice: 3,
    points: [{ x: 1, y: 1 }, { x: 4, y: 5 }], figures: { length_mm: 7.2 },
  }
}

const LABELS = [
  { id: 'liver', name: 'liver', color: '#ff0000', value: 1, code: null, shortcut: null },
  { id: 'kidney', name: 'kidney', color: '#00ff00', value: 2, code: null, shortcut: '7' },
]

/** A volume of 6 slices with two labels; the liver has an annotation with one object on slice 3. */
function world() {
  const revisions: RevisionIn[] = []
  const annotation = {
    id: 'a1', volume_id: 'v', label_id: 'liver', annotator: { id: 'me', name: 'Me', email: 'm' }, head: 'r0', sequence: 1, slices: [3],
  }
  const server = new FakeServer()
    .on('GET', /volumes\/v$/, () => ({
      id: 'v', case_id: 'c', project_id: 'p', name: 'CT', modality: 'CT', shape_kji: [SLICES, ROWS, COLUMNS],
      spacing_kji_mm: [5, 1, 2], axis_letters: ['S', 'P', 'L'], affine_lps: [[0, 0, 2, 0], [0, 1, 0, 0], [5, 0, 0, 0], [0, 0, 0, 1]],
      dtype: 'uint8', channels: 1, value_range: [0, 255], windows: [{ name: 'Soft tissue', width: 400, center: 40 }],
      model_window: null, warnings: [], study: {}, series: {}, source_kind: 'dicom', unit: 'HU', sides_known: true, sizes_known: true, pixels: 'now', text_risk: null, text_checked_at: null, voxel_volume_mm3: 10,
    }))
    .on('GET', /api\/me$/, () => ({ id: 'me', auto_learn: true, keys: {} }))
    .on('GET', /c\/measurements$/, () => ({ items: [measurement('m0')], next_cursor: null }))
    .on('POST', /v\/measurements$/, ({ json }) => ({ ...measurement('m1'), ...(json as object) }))
    .on('DELETE', /measurements\/[^/]+$/, () => undefined)
    .on('GET', /v\/learning$/, () => ({ items: [], next_cursor: null }))
    .on('GET', /v\/proposals$/, () => ({ items: [], next_cursor: null }))
    .on('GET', /api\/annotations$/, () => ({ items: [annotation], next_cursor: null }))
    .on('GET', /a1\/masks$/, () => ({ head: revisions.at(-1)?.id ?? 'r0', sequence: 1, slices: { 3: toCoco(rect(2, 2, 4, 4)) } }))
    .on('GET', /slices\/\d\/\d$/, () => sliceBytes())
    .on('POST', /encodings$/, () => ({ model: 'sammed-small', ready: [0, 1, 2, 3, 4, 5], queued: [] }))
    .on('POST', /predictions$/, () => ({ mask: toCoco(rect(6, 6, 8, 8)), score: 0.75, model: 'sammed-small', ms: {}, cached: true }))
    .on('POST', /a1\/revisions$/, ({ json }) => {
      revisions.push(json as RevisionIn)
      return json
    })
  return { server, revisions }
}

const page = { palette() {}, keys() {}, measurements() {}, importMasks() {}, problem() {}, help() {}, nextCase() {}, previousCase() {}, submit() {}, addLabel() {}, leastCertainPicture() {}, openWith() {} }

async function open(server: FakeServer, more: Partial<AnnotatorOptions> = {}) {
  const storage = new MemoryStorage()
  const annotator = await openAnnotator({ api: server, projectId: 'p', labels: LABELS, volumeId: 'v', page, storage: () => storage, ...more })
  await annotator.ready
  annotator.setSlice(3)
  await settle()
  return annotator
}

test('an open volume says what it is, and what is annotated where', async (t) => {
  const annotator = await open(world().server)
  t.after(() => annotator.close())
  assert.deepEqual(annotator.planes.map(({ plane }) => plane), ['axial', 'coronal', 'sagittal'])
  assert.equal(annotator.picture.value.kind, 'shown')
  assert.equal(annotator.volume.unit, 'HU')
  assert.equal(annotator.tool.value, 'point')
  const [liver, kidney] = annotator.labels.value
  assert.deepEqual([liver.voxels, liver.volumeMl, liver.slices, liver.active], [9, 0.09, 1, true])
  assert.deepEqual([kidney.voxels, kidney.active], [0, false])
  assert.deepEqual(annotator.marks.value.map((mark) => mark.labels), [0, 0, 0, 1, 0, 0])
})

test('the picture does not wait for the masks; nobody draws before they are there', async (t) => {
  const { server, revisions } = world()
  const masks = later<unknown>()
  const annotator = await openAnnotator({
    api: server.on('GET', /a1\/masks$/, () => masks.promise), projectId: 'p', labels: LABELS, volumeId: 'v', page, storage: () => new MemoryStorage(),
  })
  t.after(() => annotator.close())
  await settle()
  assert.deepEqual([annotator.picture.value.kind, annotator.masksReady.value, annotator.canDraw.value], ['shown', false, false])
  annotator.setSlice(3)
  annotator.clearSlice()
  masks.give({ head: 'r0', sequence: 1, slices: { 3: toCoco(rect(2, 2, 4, 4)) } })
  await annotator.ready
  assert.deepEqual([annotator.labels.value[0].voxels, annotator.canDraw.value, revisions.length], [9, true, 0])
})

test('copying, clearing and undoing travel to the server as flips, each on top of the one before', async (t) => {
  const { server, revisions } = world()
  const annotator = await open(server)
  t.after(() => annotator.close())
  annotator.setSlice(4)
  await settle()
  annotator.copyFromSlice(-1)
  annotator.undo()
  assert.equal(annotator.canRedo.value, true)
  annotator.setSlice(3)
  await settle()
  annotator.clearSlice()
  await settle()
  assert.equal(annotator.saving.value.kind, 'saved')
  assert.deepEqual(revisions.map(({ origin, slices }) => [origin, slices[0].slice]), [['manual', 4], ['undo', 4], ['manual', 3]])
  assert.deepEqual(revisions.map(({ parent }) => parent), ['r0', revisions[0].id, revisions[1].id])
  assert.equal(revisions[1].reverts, revisions[0].id)
  assert.deepEqual(revisions[0].slices[0].flips, toCoco(rect(2, 2, 4, 4)))
  assert.equal(annotator.labels.value[0].voxels, 0)
})

test('what waited when the last page went away is shown although the server is busy', async (t) => {
  const { server } = world()
  server.on('POST', /a1\/revisions$/, () => new Refusal(503, 'unavailable')).on('GET', /a1\/revisions$/, () => ({ items: [] }))
  const storage = new MemoryStorage()
  const first = await open(server, { storage: () => storage })
  first.setSlice(2)
  await settle()
  first.copyFromSlice(1)
  await settle()
  first.close()
  const second = await open(server, { storage: () => storage })
  t.after(() => second.close())
  assert.equal(second.saving.value.kind, 'offline')
  assert.equal(second.labels.value[0].voxels, 18)
})

test('a label that was first drawn without a connection is shown when the next page has sent it', async (t) => {
  const { server } = world()
  const drawn: { flips?: unknown } = {}
  server.on('POST', /api\/annotations$/, () => ({ id: 'a2', volume_id: 'v', label_id: 'kidney', head: null, sequence: 0, slices: [] }))
    .on('POST', /a2\/revisions$/, ({ json }) => {
      drawn.flips = (json as RevisionIn).slices[0].flips
      return json
    })
    .on('GET', /a2\/masks$/, () => ({ head: 'r9', sequence: 1, slices: { 3: drawn.flips } }))
  const storage = new MemoryStorage()
  const first = await open(server, { storage: () => storage })
  server.reachable = false
  first.setActiveLabel('kidney')
  first.editMask('addOthers')
  await settle()
  first.close()
  server.reachable = true
  const second = await open(server, { storage: () => storage })
  t.after(() => second.close())
  assert.equal(second.saving.value.kind, 'saved')
  assert.equal(second.labels.value[1].voxels, 9)
})

test('who may only look draws nothing and asks for nothing', async (t) => {
  const { server, revisions } = world()
  const annotator = await open(server, { readOnly: true })
  t.after(() => annotator.close())
  assert.equal(annotator.canDraw.value, false)
  annotator.clearSlice()
  annotator.copyFromSlice(1)
  await settle()
  assert.equal(revisions.length, 0)
  assert.equal(server.count('POST', /./), 0)
  assert.equal(annotator.tool.value, 'window')
})

test('restoring waits for what is on its way, then shows what the server has', async (t) => {
  const { server, revisions } = world()
  server.on('POST', /a1\/restore$/, ({ json }) => ({ ...(json as object) }))
  const annotator = await open(server)
  t.after(() => annotator.close())
  annotator.clearSlice()
  assert.equal(annotator.labels.value[0].voxels, 0)
  assert.equal(await annotator.restore(1), null)
  const asked = server.asked.find(({ path }) => path.endsWith('/restore'))!.json as { sequence: number; parent: string }
  assert.deepEqual([asked.sequence, asked.parent], [1, revisions[0].id])
  assert.equal(annotator.labels.value[0].voxels, 9)
})

test('restoring does not hang while nothing can be saved', async (t) => {
  const { server } = world()
  const annotator = await open(server)
  t.after(() => annotator.close())
  server.reachable = false
  annotator.clearSlice()
  await settle()
  assert.equal((await annotator.restore(1))?.code, 'offline')
})

test('a volume that cannot be opened rejects with the server\'s problem', async () => {
  const { server } = world()
  server.on('GET', /volumes\/v$/, () => new Refusal(404, 'volume_not_found'))
  await assert.rejects(open(server), (error) => error instanceof ApiError && error.problem.code === 'volume_not_found')
})

test('other planes go through the crosshair and are for looking', async (t) => {
  const annotator = await open(world().server)
  t.after(() => annotator.close())
  annotator.setAxis(1)
  assert.equal(annotator.plane.value, 'coronal')
  assert.equal(annotator.canDraw.value, false)
  annotator.setSlice(9)
  annotator.setAxis(0)
  assert.deepEqual([...annotator.position.value], [3, 9, 6])
  assert.equal(annotator.slice.value, 3)
})

test('what is measured is kept by the server and shown with its figures; removing takes it away', async (t) => {
  const { server } = world()
  const annotator = await open(server)
  t.after(() => annotator.close())
  assert.deepEqual(annotator.measurements.list.value.map(({ id }) => id), ['m0'])
  await annotator.measurements.add({ kind: 'length', axis: 0, index: 2, points: [slicePoint(1, 2), slicePoint(3, 4)] })
  const sent = server.asked.find(({ method, path }) => method === 'POST' && path.endsWith('measurements'))!.json as { id: string }
  assert.deepEqual(sent, { id: sent.id, kind: 'length', axis: 0, slice: 2, points: [{ x: 1, y: 2 }, { x: 3, y: 4 }] })
  await settle()
  assert.equal(annotator.saving.value.kind, 'saved')
  await annotator.measurements.remove(sent.id)
  assert.equal(server.count('DELETE', new RegExp(`measurements/${sent.id}$`)), 1)
  assert.deepEqual(annotator.measurements.list.value.map(({ id }) => id), ['m0'])
})
