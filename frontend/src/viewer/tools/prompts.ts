// Tools that talk to the model: points and a box; what is drawn in a line is prompt_lines.ts. Ctrl held collects prompts
// without asking yet.
// Left is positive, right click or Alt is negative, in both tools. On a prompt that is there, a drag moves it and the right
// click or Alt removes it.
import type { VoxelIndex } from '../geometry.ts'
import { boxOf } from '../prompt_shapes.ts'
import { dragged, gripAt } from './grip.ts'
import { movedFar, type PointerInfo, type Tool, type ToolContext } from './tool.ts'

/** Right click. */
export function removeOrExclude(c: ToolContext, e: PointerInfo): 'idle' {
  const grip = gripAt(c.session, e.screen)
  if (grip) c.session.removePrompt(grip.index)
  else addPoint(c, e.voxel, false, e)
  return 'idle'
}

/** Takes the prompt under the pointer into the hand. */
export function grab({ session }: ToolContext, { screen }: PointerInfo): boolean {
  const grip = gripAt(session, screen)
  if (grip) session.grabbed.value = { grip, prompt: grip.prompt }
  return grip !== null
}

/** A prompt is in the hand; the same in all prompt tools. */
export const dragging = {
  pointerMove: (c: ToolContext, e: PointerInfo): 'dragging' => {
    const { session } = c, grabbed = session.grabbed.value
    if (!grabbed || !movedFar(c, e)) return 'dragging'
    const { rows, columns } = session.view.shape.value
    session.grabbed.value = { grip: grabbed.grip, prompt: dragged(grabbed.grip, e.point, rows, columns) }
    return 'dragging'
  },
  pointerUp: (c: ToolContext, e: PointerInfo): 'idle' => {
    const { session } = c, grabbed = session.grabbed.value
    session.dropPrompt()
    if (grabbed && grabbed.prompt === grabbed.grip.prompt && e.alt) session.removePrompt(grabbed.grip.index)
    return 'idle'
  },
  cancel: ({ session }: ToolContext): 'idle' => {
    session.grabbed.value = null
    return 'idle'
  },
}

export function addPoint({ session }: ToolContext, voxel: VoxelIndex | null, positive: boolean, { ctrl }: PointerInfo): void {
  if (voxel) session.addPrompt({ kind: 'point', x: voxel[2], y: voxel[1], positive }, ctrl)
}

export const point: Tool<'idle' | 'pressed' | 'dragging'> = {
  id: 'point', initial: 'idle', cursor: 'crosshair',
  on: {
    idle: {
      pointerDown: (c, e) => (grab(c, e) ? 'dragging' : e.voxel && c.session.canDraw.value ? 'pressed' : 'idle'),
      secondaryClick: removeOrExclude,
    },
    pressed: {
      pointerMove: (c, e) => (movedFar(c, e) ? 'idle' : 'pressed'), // a drag is no click
      pointerUp: (c, e) => {
        addPoint(c, e.voxel, !e.alt, e)
        return 'idle'
      },
      cancel: () => 'idle',
    },
    dragging,
  },
}

export const box: Tool<'idle' | 'pressed' | 'drawing' | 'dragging'> = {
  id: 'box', initial: 'idle', cursor: 'crosshair',
  on: {
    idle: {
      pointerDown: (c, e) => (grab(c, e) ? 'dragging' : c.session.canDraw.value ? 'pressed' : 'idle'),
      secondaryClick: removeOrExclude,
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
    dragging,
  },
}

function addBox({ session, press }: ToolContext, { point: to, ctrl }: PointerInfo): void {
  const { rows, columns } = session.view.shape.value
  const prompt = boxOf(press.point, to, rows, columns)
  if (prompt !== null) session.addPrompt(prompt, ctrl)
}
