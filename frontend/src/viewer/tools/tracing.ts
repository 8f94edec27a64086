// Level tracing: a press shows the region of the level under the pointer, a drag tries other levels, letting go fills it.
// Alt at the end takes it away instead.
import { levelRegion } from '../level.ts'
import { addRegion } from '../slice_edits.ts'
import type { PointerInfo, Tool, ToolContext } from './tool.ts'

function preview({ session, view }: ToolContext, { voxel }: PointerInfo): void {
  const image = view.image.value
  if (voxel === null || image === null) return
  session.traced.value = { slice: voxel[0], mask: levelRegion(image, voxel[2], voxel[1]) }
}

export const trace: Tool<'idle' | 'tracing'> = {
  id: 'trace', initial: 'idle', cursor: 'crosshair',
  on: {
    idle: {
      pointerDown: (c, e) => {
        if (!c.session.canDraw.value || c.view.image.value?.channels !== 1) return 'idle'
        preview(c, e)
        return 'tracing'
      },
    },
    tracing: {
      pointerMove: (c, e) => {
        preview(c, e)
        return 'tracing'
      },
      pointerUp: ({ session }, e) => {
        const traced = session.traced.value
        session.traced.value = null
        if (traced?.slice === session.view.slice.value) addRegion(session, traced.mask, e.alt)
        return 'idle'
      },
      cancel: ({ session }) => {
        session.traced.value = null
        return 'idle'
      },
    },
  },
}
