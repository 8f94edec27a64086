// Where each slice lies on the strip and which slice lies under the pointer. Pure; slice_strip.tsx draws.

export interface Bar { readonly x: number; readonly width: number }

/** The bar of one slice on a strip `width_px` wide: whole pixels, a gap only where there is room for one. */
export function barOf(index: number, count: number, width_px: number): Bar {
  const from = Math.round((index * width_px) / count)
  const to = Math.round(((index + 1) * width_px) / count)
  const gap = width_px / count >= 4 ? 1 : 0
  return { x: from, width: Math.max(1, to - from - gap) }
}

export function sliceAt(x: number, count: number, width_px: number): number {
  if (width_px <= 0) return 0
  return Math.min(count - 1, Math.max(0, Math.floor((x * count) / width_px)))
}
