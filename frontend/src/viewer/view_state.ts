// What one pane looks at and how: plane, camera, turning, pointer; and what all panes of a volume share: the crosshair that
// their planes go through, the window. State and commands; nothing about labels or masks.
import { batch, computed, signal } from '@preact/signals-core'

import {
  fitted, matrixOf, panned, toSlice, zoomedAbout, zoomLimits, type Camera, type Size, type View,
} from './camera.ts'
import {
  AS_STORED, clampVoxel, displayOrientation, edgeLetters, mirrored, orientationWith, planeOf, slicePixelMm, sliceShape,
  turnedClockwise, voxelAt, type Axis, type EdgeLetters, type Orientation, type Plane, type ScreenPoint, type SlicePoint, type Triple, type VolumeGrid, type VoxelIndex,
} from './geometry.ts'
import type { Measuring } from './measuring.ts'
import type { SliceImage, WindowLevel } from './windowing.ts'

export interface ViewedVolume extends VolumeGrid {
  readonly channels: number
  readonly valueRange: readonly [lowest: number, highest: number]
  /** False where nobody said which side of the patient is where (photographs, microscopy, many X-rays and ultrasound): shown
   *  as they are stored, without letters. */
  readonly sidesKnown: boolean
  /** False where a pixel has no size in millimetres. */
  readonly sizesKnown: boolean
  /** Of the values: 'HU', 'SUV'; '' where they have none. */
  readonly unit: string
}

/** A slice that has arrived, with what it is a slice of. */
export interface LoadedSlice {
  readonly axis: Axis
  readonly index: number
  readonly image: SliceImage
}

type PerAxis<T> = readonly [T, T, T]

/** What the panes of a volume have in common. */
class Shared {
  readonly position
  /** The same place between voxels, as long as it is the same place. */
  readonly exact = signal<{ readonly of: VoxelIndex; readonly kji: Triple } | null>(null)
  readonly window
  readonly inverted = signal(false)
  readonly interpolated = signal(true)
  readonly crosshair = signal(false)
  /** Seen from the head, the patient's right on the right; radiologists look from the feet. */
  readonly neurological = signal(false)
  /** What is being measured, or was last and is not kept. */
  readonly measuring = signal<Measuring | null>(null)

  constructor(volume: ViewedVolume, window: WindowLevel) {
    this.window = signal(window)
    this.position = signal(middleOf(volume))
  }
}

const WINDOW_WIDTHS_PER_PX = 1 / 256

export class ViewState {
  readonly volume: ViewedVolume
  readonly axis = signal<Axis>(0)
  readonly position; readonly window; readonly inverted; readonly interpolated; readonly crosshair; readonly neurological
  readonly measuring
  readonly viewport = signal<Size>({ width: 0, height: 0 })
  readonly loaded = signal<LoadedSlice | null>(null)
  readonly pointer = signal<ScreenPoint | null>(null)
  /** The pointer was moved by keys, so no cursor of the system shows it. */
  readonly pointerByKeys = signal(false)
  /** Where the pointer is that stands in a linked picture of another volume. */
  readonly pointedAt = signal<SlicePoint | null>(null)

  readonly #shared: Shared
  readonly #cameras = signal<PerAxis<Camera | null>>([null, null, null]) // null: fitted, also after a resize
  readonly #orientations
  readonly #firstWindow: WindowLevel

  /** A pane of its own, or one that shares place and window with `beside`. */
  constructor(volume: ViewedVolume, firstWindow: WindowLevel, beside: ViewState | null = null) {
    const shared = beside === null ? new Shared(volume, firstWindow) : beside.#shared
    this.volume = volume
    this.#firstWindow = firstWindow
    this.#shared = shared
    this.position = shared.position
    this.window = shared.window
    this.inverted = shared.inverted
    this.interpolated = shared.interpolated
    this.crosshair = shared.crosshair
    this.neurological = shared.neurological
    this.measuring = shared.measuring
    this.#orientations = signal(this.#customary())
  }

  /** Another pane on the same volume. */
  beside(): ViewState {
    return new ViewState(this.volume, this.#firstWindow, this)
  }

  /** Where the crosshair stands, between voxels too; beside the volume when another one, linked to it, reaches further. */
  readonly crossing = computed<Triple>(() => {
    const exact = this.#shared.exact.value
    return exact !== null && exact.of === this.position.value ? exact.kji : this.position.value
  })
  readonly slice = computed(() => this.position.value[this.axis.value])
  readonly sliceCount = computed(() => this.volume.shapeKji[this.axis.value])
  readonly shape = computed(() => sliceShape(this.volume, this.axis.value))
  readonly orientation = computed<Orientation>(() => this.#swapped(this.#orientations.value[this.axis.value]))
  readonly letters = computed(() => edgeLetters(this.volume.axisLetters, this.axis.value, this.orientation.value))
  readonly fit = computed(() => {
    const pixelMm = slicePixelMm(this.volume, this.axis.value)
    return fitted(this.shape.value, this.viewport.value, pixelMm, this.orientation.value)
  })
  /** What the user set, or null while the picture is fitted. */
  readonly camera = computed<Camera | null>(() => this.#cameras.value[this.axis.value])
  readonly view = computed<View>(() => ({
    camera: this.camera.value ?? this.fit.value,
    viewport: this.viewport.value,
    pixelMm: slicePixelMm(this.volume, this.axis.value),
    orientation: this.orientation.value,
  }))
  readonly matrix = computed(() => matrixOf(this.view.value))
  /** 1 = fitted. */
  readonly zoom = computed(() => this.view.value.camera.zoom / this.fit.value.zoom)
  /** The picture of exactly the visible slice, or null while it loads. */
  readonly image = computed<SliceImage | null>(() => {
    const loaded = this.loaded.value
    return loaded && loaded.axis === this.axis.value && loaded.index === this.slice.value ? loaded.image : null
  })
  readonly cursorPoint = computed<SlicePoint | null>(() =>
    this.pointer.value && toSlice(this.view.value, this.pointer.value))
  readonly cursorVoxel = computed<VoxelIndex | null>(() =>
    this.cursorPoint.value && voxelAt(this.volume, this.axis.value, this.slice.value, this.cursorPoint.value))

  // -- where --
  setAxis(axis: Axis): void {
    this.axis.value = axis
  }

  /** Shows the nearest voxel; the crosshair stands exactly there. */
  setPosition(kji: Triple): void {
    batch(() => {
      const voxel = clampVoxel(this.volume, kji)
      this.position.value = voxel
      this.#shared.exact.value = { of: voxel, kji }
    })
  }

  setSlice(index: number): void {
    const kji = [...this.crossing.value] as [number, number, number]
    kji[this.axis.value] = Math.min(this.sliceCount.value - 1, Math.max(0, Math.round(index)))
    this.setPosition(kji)
  }

  // -- camera --
  setCamera(camera: Camera | null): void {
    this.#cameras.value = this.#cameras.value.with(this.axis.value, camera) as unknown as PerAxis<Camera | null>
  }

  panBy(dxPx: number, dyPx: number): void {
    this.setCamera(panned(this.view.value, dxPx, dyPx))
  }

  zoomAbout(about: ScreenPoint, factor: number): void {
    const view = this.view.value
    this.setCamera(zoomedAbout(view, about, factor, zoomLimits(this.fit.value, view.pixelMm)))
  }

  /** Turned so that the patient's sides are at these edges; as it is where that cannot be. */
  showAs(edges: EdgeLetters): void {
    const orientation = orientationWith(this.volume.axisLetters, this.axis.value, edges)
    if (orientation !== null) this.#turn(orientation)
  }

  rotate(): void {
    this.#turn(turnedClockwise(this.orientation.value))
  }

  flip(direction: 'horizontal' | 'vertical'): void {
    this.#turn(mirrored(this.orientation.value, direction))
  }

  /** Everything about the view as it was when the volume was opened, except where it is. */
  reset(): void {
    batch(() => {
      this.setCamera(null)
      this.#turn(this.#swapped(this.#customary()[this.axis.value]))
      this.window.value = this.#firstWindow
      this.inverted.value = false
      this.measuring.value = null
    })
  }

  // -- window --
  /** Dragging: to the right widens, downwards raises the level (darker), each in proportion to the width at the start. */
  dragWindow(start: WindowLevel, dxPx: number, dyPx: number): void {
    const perPx = start.width * WINDOW_WIDTHS_PER_PX
    this.window.value = { width: Math.max(perPx, start.width + dxPx * perPx), center: start.center + dyPx * perPx }
  }

  /** The orientations are kept as radiologists look; seen from the head, left and right change places. */
  #swapped(orientation: Orientation): Orientation {
    const swap = this.neurological.value && this.volume.sidesKnown && planeOf(this.volume, this.axis.value) !== 'sagittal'
    return swap ? mirrored(orientation, 'horizontal') : orientation
  }

  #turn(orientation: Orientation): void {
    const kept = this.#swapped(orientation) // swapping twice is as it was
    this.#orientations.value = this.#orientations.value.with(this.axis.value, kept) as unknown as PerAxis<Orientation>
  }

  #customary(): PerAxis<Orientation> {
    const { sidesKnown, axisLetters } = this.volume
    const of = (axis: Axis) => (sidesKnown ? displayOrientation(axisLetters, axis) : AS_STORED)
    return [of(0), of(1), of(2)]
  }
}

/** Where a volume is opened. */
export function middleOf(grid: Pick<VolumeGrid, 'shapeKji'>): VoxelIndex {
  return clampVoxel(grid, grid.shapeKji.map((n) => (n - 1) / 2) as unknown as Triple)
}

export function planesOf(volume: VolumeGrid): readonly Axis[] {
  return ([0, 1, 2] as const).filter((axis) => {
    const { rows, columns } = sliceShape(volume, axis)
    return axis === 0 || (rows > 1 && columns > 1)
  })
}

/** What a plane is called: by the directions of the grid where nobody knows those of the patient. */
export type PlaneName = Plane | 'xy' | 'xz' | 'yz'

export function planeNameOf(volume: ViewedVolume, axis: Axis): PlaneName {
  return volume.sidesKnown ? planeOf(volume, axis) : (['xy', 'xz', 'yz'] as const)[axis]
}
