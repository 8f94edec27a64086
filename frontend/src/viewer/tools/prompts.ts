// Tools that talk to the model: points and a box. Ctrl held collects prompts without asking yet.
// Left is positive, right click or Alt is negative, in both tools.
import type { VoxelIndex } from '../geometry.ts'
import { movedFar, type PointerInfo, type Tool, type ToolContext } from './tool.ts'

function addPoint({ session }: ToolContext, voxel: VoxelIndex | null, positive: boolean, { ctrl }: PointerInfo): void {
  if (voxel) session.addPrompt({ kind: 'point', x: voxel[2], y: voxel[1], positive }, ctrl)
}

export const point: Tool<'idle' | 'pressed'> = {
  id: 'point', initial: 'idle', cursor: 'crosshair',
  on: {
    idle: {
      pointerDown: (c, e) => (e.voxel && c.session.canDraw.value ? 'pressed' : 'idle'),
      secondaryClick: (c, e) => {
        addPoint(c, e.voxel, false, e)
        return 'idle'
      },
    },
    pressed: {
      pointerMove: (c, e) => (movedFar(c, e) ? 'idle' : 'pressed'), // a drag is no click
      pointerUp: (c, e) => {
        addPoint(c, e.voxel, !e.alt, e)
        return 'idle'
      },
      cancel: () => 'idle',
    },
  },
}

export const box: Tool<'idle' | 'pressed' | 'drawing'> = {
  id: 'box', initial: 'idle', cursor: 'crosshair',
  on: {
    idle: {
      pointerDown: (c) => (c.session.canDraw.value ? 'pressed' : 'idle'),
      secondaryClick: (c, e) => {
        addPoint(c, e.voxel, false, e)
        return 'idle'
      },
    },
    pressed: {
      pointerMove: (c, e) => {
        if (!movedFar(c, e)) return 'pressed'
        c.session.rubberBand.value = { from: c.press.point, to: e.point }
        return 'drawing'
      },
      pointerUp: (c, e) => { // a click in the box tool refines, as in the point tool
        addPoint(c, e.voxel, !e.alt, e)
        return 'idle'
      },
      cancel: () => 'idle',
    },
    drawing: {
      pointerMove: (c, e) => {
        c.session.rubberBand.value = { from: c.press.point, to: e.point }
        return 'drawing'
      },
      pointerUp: (c, e) => {
        c.session.rubberBand.value = null
        addBox(c, e)
        return 'idle'
      },
      cancel: (c) => {
        c.session.rubberBand.value = null
        return 'idle'
      },
    },
  },
}

/** The voxels whose centres the rectangle touches, cut to the slice; nothing for a rectangle beside the slice. */
function addBox({ session, press }: ToolContext, { point: to, ctrl }: PointerInfo): void {
  const { rows, columns } = session.view.shape.value
  const from = press.point
  const x0 = Math.max(0, Math.round(Math.min(from[0], to[0]))), x1 = Math.min(columns - 1, Math.round(Math.max(from[0], to[0])))
  const y0 = Math.max(0, Math.round(Math.min(from[1], to[1]))), y1 = Math.min(rows - 1, Math.round(Math.max(from[1], to[1])))
  if (x1 > x0 && y1 > y0) session.addPrompt({ kind: 'box', x0, y0, x1, y1 }, ctrl)
}
