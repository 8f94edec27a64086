// Tools that change how a volume is looked at: pan, zoom, window, scroll, probe.
import type { Tool, ToolContext } from './tool.ts'

type Drag = 'idle' | 'dragging'

/** Puts back what the gesture changed: all of these tools cancel alike. */
function restore({ view, press }: ToolContext): 'idle' {
  view.setCamera(press.camera)
  view.window.value = press.window
  view.setSlice(press.slice)
  return 'idle'
}

export const pan: Tool<Drag> = {
  id: 'pan', initial: 'idle', cursor: 'grab',
  on: {
    idle: { pointerDown: () => 'dragging' },
    dragging: {
      pointerMove: ({ view, press }, e) => {
        view.panBy(e.screen[0] - press.last[0], e.screen[1] - press.last[1])
        return 'dragging'
      },
      pointerUp: () => 'idle',
      cancel: restore,
    },
  },
}

const ZOOM_PER_PX = 0.008

/** Up is nearer, about the point that was pressed. */
export const zoom: Tool<Drag> = {
  id: 'zoom', initial: 'idle', cursor: 'zoom-in',
  on: {
    idle: { pointerDown: () => 'dragging' },
    dragging: {
      pointerMove: ({ view, press }, e) => {
        view.zoomAbout(press.screen, Math.exp((press.last[1] - e.screen[1]) * ZOOM_PER_PX))
        return 'dragging'
      },
      pointerUp: () => 'idle',
      cancel: restore,
    },
  },
}

export const window: Tool<Drag> = {
  id: 'window', initial: 'idle', cursor: 'default',
  on: {
    idle: { pointerDown: () => 'dragging' },
    dragging: {
      pointerMove: ({ view, press }, e) => {
        view.dragWindow(press.window, e.screen[0] - press.screen[0], e.screen[1] - press.screen[1])
        return 'dragging'
      },
      pointerUp: () => 'idle',
      cancel: restore,
    },
  },
}

const LEAST_PX_PER_SLICE = 3

export const scroll: Tool<Drag> = {
  id: 'scroll', initial: 'idle', cursor: 'ns-resize',
  on: {
    idle: { pointerDown: () => 'dragging' },
    dragging: {
      pointerMove: ({ view, press }, e) => {
        const pxPerSlice = Math.max(LEAST_PX_PER_SLICE, view.viewport.value.height / view.sliceCount.value / 2)
        view.setSlice(press.slice + Math.round((e.screen[1] - press.screen[1]) / pxPerSlice))
        return 'dragging'
      },
      pointerUp: () => 'idle',
      cancel: restore,
    },
  },
}

/** Moves the crosshair, through which all three planes go. */
export const probe: Tool<Drag> = {
  id: 'probe', initial: 'idle', cursor: 'crosshair',
  on: {
    idle: {
      pointerDown: ({ view }, e) => {
        view.crosshair.value = true
        if (e.voxel) view.setPosition(e.voxel)
        return 'dragging'
      },
    },
    dragging: {
      pointerMove: ({ view }, e) => {
        if (e.voxel) view.setPosition(e.voxel)
        return 'dragging'
      },
      pointerUp: () => 'idle',
      cancel: () => 'idle',
    },
  },
}
