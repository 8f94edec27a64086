// Choosing a voxel of the picture that is shown, by a click or by keys: they go to the picture while this goes on, and no
// tool gets the press. Shift and arrows move the keyboard's cursor as ever; Enter chooses, Escape gives up.

import { useEffect } from 'preact/hooks'
import type { Annotator } from '../annotate/annotator.ts'
import type { VoxelIndex } from '../viewer/geometry.ts'

/** `onDone` is called with the place, or with null when it is given up. */
export function usePlace(annotator: Annotator, choosing: boolean, onDone: (place: VoxelIndex | null) => void): void {
  useEffect(() => {
    if (!choosing) return
    const area = document.querySelector<HTMLElement>('.picture-area')!
    const choose = (event: Event): void => {
      const cursor = annotator.cursor.peek()
      if (!cursor || (event.target as Element).closest('button, select, input')) return
      event.stopPropagation()
      event.preventDefault()
      onDone(cursor.voxel)
    }
    const onKey = (event: KeyboardEvent): void => {
      if (event.key === 'Enter') choose(event)
      if (event.key !== 'Escape') return
      event.stopPropagation()
      event.preventDefault()
      onDone(null)
    }
    area.addEventListener('pointerdown', choose, true)
    area.addEventListener('keydown', onKey, true)
    area.classList.add('choosing')
    area.querySelector<HTMLElement>('canvas[tabindex]')?.focus({ preventScroll: true })
    if (annotator.cursor.peek() === null) annotator.movePointer(0, 0) // the keyboard's cursor appears in the middle
    return () => {
      area.removeEventListener('pointerdown', choose, true)
      area.removeEventListener('keydown', onKey, true)
      area.classList.remove('choosing')
    }
  }, [choosing])
}
