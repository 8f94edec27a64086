// Two volumes of one patient looked at together: plane, place, turning, zoom and pointer of one picture are those of the
// other, in millimetres. Each keeps its own grid: slices are shown as they were taken, the nearest one to the place.
import { effect, untracked } from '@preact/signals-core'

import type { Camera } from './camera.ts'
import { gridMap, planeOf, sliceAxes, slicePoint, type Axis, type EdgeLetters, type SlicePoint, type Triple, type VolumeGrid } from './geometry.ts'
import type { ViewState } from './view_state.ts'

/** Links until the returned function is called. What one shows first is what `main` shows. */
export function linkViews(main: ViewState, other: ViewState): () => void {
  const there = gridMap(main.volume, other.volume), back = gridMap(other.volume, main.volume)
  // What was written by the link itself is not to be sent back.
  let written: { position: Triple | null; camera: Camera | null } = { position: null, camera: null }
  const pass = (from: ViewState, to: ViewState, map: (kji: Triple) => Triple) => {
    to.setPosition(map(from.crossing.peek()))
    written = { ...written, position: to.position.peek() }
  }
  const passCamera = (from: ViewState, to: ViewState, map: (kji: Triple) => Triple) => {
    const { center, zoom } = from.view.peek().camera
    const kji = map(voxelOf(from, center))
    to.setCamera({ center: pointIn(kji, to.axis.peek()), zoom })
    written = { ...written, camera: to.camera.peek() }
  }
  let looked = { axis: other.axis.peek(), camera: other.camera.peek() }

  const stops = [
    effect(() => { // one effect: a camera belongs to a plane
      const plane = planeOf(main.volume, main.axis.value), edges = main.letters.value, { camera } = main.view.value
      void main.slice.value // slices that lean against each other: another slice, another place in it
      untracked(() => {
        other.setAxis(axisOf(other.volume, plane))
        if (!sameEdges(other.letters.peek(), edges)) other.showAs(edges)
        if (camera !== written.camera) passCamera(main, other, there)
      })
    }),
    effect(() => {
      const edges = other.letters.value
      untracked(() => { if (!sameEdges(main.letters.peek(), edges)) main.showAs(edges) })
    }),
    effect(() => {
      const position = main.position.value
      untracked(() => { if (position !== written.position) pass(main, other, there) })
    }),
    effect(() => {
      const position = other.position.value
      untracked(() => { if (position !== written.position) pass(other, main, back) })
    }),
    effect(() => {
      const now = { axis: other.axis.value, camera: other.camera.value }
      untracked(() => {
        const before = looked
        looked = now
        if (now.axis !== before.axis || now.camera === written.camera) return
        if (now.camera === null) main.setCamera(null)
        else passCamera(other, main, back)
      })
    }),
    effect(() => { other.pointedAt.value = seenFrom(main, other, there) }),
    effect(() => { main.pointedAt.value = seenFrom(other, main, back) }),
  ]
  return () => {
    for (const stop of stops) stop()
    main.pointedAt.value = null
  }
}

/** Where the pointer over one picture is in the other. */
function seenFrom(from: ViewState, to: ViewState, map: (kji: Triple) => Triple): SlicePoint | null {
  const point = from.cursorPoint.value
  return point === null || from.cursorVoxel.value === null ? null : pointIn(map(voxelOf(from, point)), to.axis.value)
}

function voxelOf(view: ViewState, point: SlicePoint): Triple {
  const axis = view.axis.value, { row, column } = sliceAxes(axis)
  const kji = [0, 0, 0]
  kji[axis] = view.slice.value
  kji[row] = point[1]
  kji[column] = point[0]
  return kji as unknown as Triple
}

function pointIn(kji: Triple, axis: Axis): SlicePoint {
  const { row, column } = sliceAxes(axis)
  return slicePoint(kji[column], kji[row])
}

/** The axis whose slices show a plane; every volume has one of each. */
function axisOf(grid: VolumeGrid, plane: ReturnType<typeof planeOf>): Axis {
  return ([0, 1, 2] as const).find((axis) => planeOf(grid, axis) === plane)!
}

function sameEdges(a: EdgeLetters, b: EdgeLetters): boolean {
  return a.right === b.right && a.bottom === b.bottom
}
