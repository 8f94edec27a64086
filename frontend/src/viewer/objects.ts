// The connected objects of a label in the whole volume, found on runs of voxels, so that no volume of bytes is needed.
import type { LabelMasks } from './label_masks.ts'
import { ByteMask, type Mask } from './mask.ts'

/** Rows `from` up to `to` (not in it) of a column of a slice. */
interface Run { readonly slice: number; readonly column: number; readonly from: number; readonly to: number }

export interface VolumeObject {
  readonly voxels: number
  /** By slice of the acquisition plane. */
  readonly masks: ReadonlyMap<number, Mask>
}

/** Objects whose voxels share faces, the largest first. */
export function objectsOf(masks: LabelMasks, labelId: string): readonly VolumeObject[] {
  const slices = masks.slices(labelId).toSorted((a, b) => a - b)
  const runs: Run[] = []
  const byColumn = new Map<string, number[]>()
  for (const slice of slices) {
    for (const run of runsOf(masks.get(labelId, slice), slice)) {
      const key = `${slice} ${run.column}`
      const there = byColumn.get(key)
      if (there) there.push(runs.length)
      else byColumn.set(key, [runs.length])
      runs.push(run)
    }
  }
  const parent = Int32Array.from(runs, (_, n) => n)
  const root = (n: number): number => {
    while (parent[n] !== n) n = parent[n] = parent[parent[n]]
    return n
  }
  for (const [n, { slice, column, from, to }] of runs.entries()) {
    for (const key of [`${slice} ${column - 1}`, `${slice - 1} ${column}`]) {
      for (const other of byColumn.get(key) ?? []) {
        if (runs[other].from < to && from < runs[other].to) parent[root(n)] = root(other)
      }
    }
  }
  const objects = grouped(runs.map((run, n) => [root(n), run] as const))
  return objects.map((parts) => objectOf(parts, masks, labelId)).sort((a, b) => b.voxels - a.voxels)
}

function objectOf(runs: readonly Run[], masks: LabelMasks, labelId: string): VolumeObject {
  const bySlice = new Map<number, Mask>()
  for (const parts of grouped(runs.map((run) => [run.slice, run] as const))) {
    const [{ slice }] = parts
    const { rows, columns } = masks.get(labelId, slice)
    const bytes = new ByteMask(rows, columns)
    for (const { column, from, to } of parts) for (let row = from; row < to; row++) bytes.bytes[row * columns + column] = 1
    bytes.box = { x0: Math.min(...parts.map((p) => p.column)), y0: 0, x1: Math.max(...parts.map((p) => p.column)), y1: rows - 1 }
    bySlice.set(slice, bytes.toMask())
  }
  return { voxels: runs.reduce((sum, { from, to }) => sum + to - from, 0), masks: bySlice }
}

function grouped<T>(keyed: readonly (readonly [key: number, value: T])[]): T[][] {
  const groups = new Map<number, T[]>()
  for (const [key, value] of keyed) {
    const group = groups.get(key)
    if (group) group.push(value)
    else groups.set(key, [value])
  }
  return [...groups.values()]
}

/** The runs of a mask, cut at the ends of columns. */
function* runsOf({ rows, columns, toggles }: Mask, slice: number): Iterable<Run> {
  for (let n = 0; n < toggles.length; n += 2) {
    const end = n + 1 < toggles.length ? toggles[n + 1] : rows * columns
    for (let at = toggles[n]; at < end;) {
      const column = Math.floor(at / rows), next = Math.min(end, (column + 1) * rows)
      yield { slice, column, from: at - column * rows, to: next - column * rows }
      at = next
    }
  }
}
