// Brush and eraser: a stroke from pointer-down to pointer-up. Alt turns one into the other.
import type { Tool, ToolId } from './tool.ts'

type Painting = 'idle' | 'painting'

function painter(id: ToolId & ('brush' | 'eraser')): Tool<Painting> {
  return {
    id, initial: 'idle', cursor: 'none', // the overlay draws the disc
    on: {
      idle: {
        pointerDown: ({ session, view }, e) =>
          session.strokes.begin(e.point, (id === 'eraser') !== e.alt, e.pressure, view) ? 'painting' : 'idle',
      },
      painting: {
        pointerMove: ({ session }, e) => {
          session.strokes.extend(e.point, e.pressure)
          return 'painting'
        },
        pointerUp: ({ session }, e) => {
          session.strokes.extend(e.point, e.pressure)
          session.strokes.end()
          return 'idle'
        },
        cancel: ({ session }) => {
          session.strokes.cancel()
          return 'idle'
        },
      },
    },
  }
}

export const brush = painter('brush')
export const eraser = painter('eraser')
