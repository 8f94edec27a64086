// Rectangles on a slice that shall become blank: whole pixels, both ends inside, as the server takes them. Pure.

import type { SliceShape } from '../../viewer/camera.ts'

export interface Box { readonly left: number; readonly top: number; readonly right: number; readonly bottom: number }

/** As many as one request takes. */
export const MOST_BOXES = 64

type Point = readonly [column: number, row: number]

const clamped = (value: number, most: number): number => Math.min(most, Math.max(0, Math.round(value)))

/** The rectangle between two points of the slice, pulled inside the picture. */
export function boxBetween(a: Point, b: Point, { rows, columns }: SliceShape): Box {
  const x = [clamped(a[0], columns - 1), clamped(b[0], columns - 1)]
  const y = [clamped(a[1], rows - 1), clamped(b[1], rows - 1)]
  return { left: Math.min(...x), top: Math.min(...y), right: Math.max(...x), bottom: Math.max(...y) }
}

/** A first rectangle for who draws with the keyboard: the upper strip, where machines write the name. */
export function firstBox({ rows, columns }: SliceShape): Box {
  return { left: 0, top: 0, right: Math.max(0, Math.round(columns / 2) - 1), bottom: Math.max(0, Math.round(rows / 12) - 1) }
}

/** Moved by whole pixels, as far as the picture goes. */
export function movedBox(box: Box, dx: number, dy: number, { rows, columns }: SliceShape): Box {
  const x = Math.min(columns - 1 - box.right, Math.max(-box.left, dx))
  const y = Math.min(rows - 1 - box.bottom, Math.max(-box.top, dy))
  return { left: box.left + x, right: box.right + x, top: box.top + y, bottom: box.bottom + y }
}

/** With its lower right corner moved; it keeps at least one pixel. */
export function resizedBox(box: Box, dx: number, dy: number, { rows, columns }: SliceShape): Box {
  return {
    ...box,
    right: Math.min(columns - 1, Math.max(box.left, box.right + dx)),
    bottom: Math.min(rows - 1, Math.max(box.top, box.bottom + dy)),
  }
}

/** The last drawn rectangle that holds a point, -1 where none does. */
export function boxAt(boxes: readonly Box[], [x, y]: Point): number {
  return boxes.findLastIndex(({ left, top, right, bottom }) => x >= left - 0.5 && x <= right + 0.5 && y >= top - 0.5 && y <= bottom + 0.5)
}

export function onTheWire({ left, top, right, bottom }: Box): [number, number, number, number] {
  return [left, top, right, bottom]
}
