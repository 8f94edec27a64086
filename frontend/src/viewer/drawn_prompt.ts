// The prompt that the hand is drawing: a box, a scribble, an outline, as it would be if the hand let go now.
import type { Prompt } from './draft.ts'
import { boxOf, lassoOf, scribbleOf } from './prompt_shapes.ts'
import type { Session } from './session.ts'

/** Null while nothing is drawn that the model could be asked. */
export function drawnPrompt({ rubberBand, outline, tool, view }: Session): Prompt | null {
  const { rows, columns } = view.shape.value
  const band = rubberBand.value, line = outline.value
  if (band !== null) return boxOf(band.from, band.to, rows, columns)
  if (line === null || line.slice !== view.slice.value) return null
  if (tool.value === 'scribble') return scribbleOf(line.points, !line.away, rows, columns)
  return tool.value === 'encircle' ? lassoOf(line.points, rows, columns) : null
}
