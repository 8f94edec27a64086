// What is looked at and how: plane, slice, window, camera, playing. Commands act on the pane under the pointer where that
// makes sense, else on the main one.
import { computed, signal, type ReadonlySignal } from '@preact/signals-core'

import { screenPoint } from '../viewer/camera.ts'
import type { Axis, VoxelIndex } from '../viewer/geometry.ts'
import type { Session } from '../viewer/session.ts'
import type { ToolHost } from '../viewer/tools/host.ts'
import { planeNameOf, planesOf } from '../viewer/view_state.ts'
import { autoWindow, histogramOf, HISTOGRAM_PARTS, type Histogram, type WindowLevel } from '../viewer/windowing.ts'
import type { Annotator, PictureState, VolumeInfo, WindowPreset } from './annotator.ts'
import type { PaneViews } from './pane_views.ts'
import { cursorIn, presetsOf } from './panel_state.ts'
import type { Parts } from './parts.ts'

const FRAME_MS = 80

export abstract class Looking {
  readonly volume: VolumeInfo
  readonly planes: Annotator['planes']
  readonly presets: readonly WindowPreset[]
  readonly panes: PaneViews

  protected readonly parts: Parts
  protected readonly session: Session
  protected readonly host: ToolHost
  readonly #playing = signal(false)
  #timer: ReturnType<typeof setInterval> | undefined

  readonly axis; readonly plane; readonly slice; readonly sliceCount; readonly position; readonly window; readonly inverted
  readonly interpolated; readonly crosshair; readonly neurological; readonly magnifier; readonly zoom
  readonly playing: ReadonlySignal<boolean> = this.#playing
  readonly picture: ReadonlySignal<PictureState>
  readonly cursor; readonly readout

  constructor(parts: Parts) {
    const { session, host, volume, source, panes, slices } = parts
    this.parts = parts
    this.session = session
    this.host = host
    this.volume = volume
    this.panes = panes
    this.presets = presetsOf(source)
    this.planes = planesOf(volume).map((axis) => ({ axis, plane: planeNameOf(volume, axis) }))
    const { view } = session
    this.axis = view.axis
    this.plane = computed(() => planeNameOf(volume, view.axis.value))
    this.slice = view.slice
    this.sliceCount = view.sliceCount
    this.position = view.position
    this.window = view.window
    this.inverted = view.inverted
    this.interpolated = view.interpolated
    this.crosshair = view.crosshair
    this.neurological = view.neurological
    this.magnifier = session.magnifier
    this.zoom = view.zoom
    this.picture = slices.state
    this.cursor = computed(() => cursorIn(panes.pointed))
    this.readout = computed(() => cursorIn(view))
  }

  readonly histogram = computed<Histogram | null>(() => {
    const image = this.session.view.image.value
    return image && histogramOf(image, HISTOGRAM_PARTS)
  })

  setAxis(axis: Axis): void {
    this.host.cancel()
    this.session.view.setAxis(axis)
  }

  setSlice(index: number): void {
    this.session.view.setSlice(index)
  }

  moveSlices(steps: number): void {
    const view = this.panes.looked
    view.setSlice(view.slice.peek() + steps)
  }

  lookAt(slice: number): void {
    this.setAxis(0)
    this.setSlice(slice)
  }

  setPosition(voxel: VoxelIndex): void {
    this.session.view.setPosition(voxel)
  }

  setWindow({ width, center }: WindowLevel): void {
    this.session.view.window.value = { width, center }
  }

  autoWindow(): void {
    const { image, window } = this.panes.looked
    if (image.peek()) window.value = autoWindow(image.peek()!)
  }

  usePreset(index: number): void {
    const looked = this.panes.companions.looked ?? this
    const preset = looked.presets[index]
    if (preset) looked.setWindow(preset)
  }

  invert(): void {
    const { inverted } = this.panes.looked
    inverted.value = !inverted.peek()
  }

  setInverted(on: boolean): void {
    this.session.view.inverted.value = on
  }

  setInterpolated(on: boolean): void {
    this.session.view.interpolated.value = on
  }

  setCrosshair(on: boolean): void {
    this.session.view.crosshair.value = on
  }

  setNeurological(on: boolean): void {
    this.session.view.neurological.value = on
  }

  setMagnifier(on: boolean): void {
    this.session.magnifier.value = on
  }

  setPlaying(on: boolean): void {
    if (on === this.#playing.peek()) return
    this.#playing.value = on
    if (on) this.#timer = setInterval(() => this.setSlice((this.slice.peek() + 1) % this.sliceCount.peek()), FRAME_MS)
    else clearInterval(this.#timer)
  }

  zoomBy(factor: number): void {
    const view = this.panes.looked
    const { width, height } = view.viewport.peek()
    view.zoomAbout(view.pointer.peek() ?? screenPoint(width / 2, height / 2), factor)
  }

  fit(): void {
    this.panes.looked.setCamera(null)
  }

  rotate(): void {
    this.panes.looked.rotate()
  }

  flip(direction: 'horizontal' | 'vertical'): void {
    this.panes.looked.flip(direction)
  }

  resetView(): void {
    this.panes.looked.reset()
  }
}
