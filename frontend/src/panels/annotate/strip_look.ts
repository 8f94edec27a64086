// How the strip shows the state of a slice: told by shape and height, and only then by colour. Pure; slice_strip.tsx draws.

import type { SliceMark } from '../../annotate/annotator.ts'

export type StripLook =
  /** Solid, full height. */
  | { readonly kind: 'accepted'; readonly share: 1 }
  /** Hollow, the higher and bluer the surer. */
  | { readonly kind: 'suggested'; readonly share: number; readonly color: string }
  /** A thin line at the foot, as blue as it is sure: the label was not found here. */
  | { readonly kind: 'unfound'; readonly share: 0; readonly color: string }
  /** A thin line half way up. */
  | { readonly kind: 'declined'; readonly share: number }
  /** Only other labels are drawn here. */
  | { readonly kind: 'others'; readonly share: number }
  | { readonly kind: 'untouched'; readonly share: 0 }

/** From unsure to sure: orange to blue, which people with any form of colour blindness tell apart. */
export const SURE_COLORS = ['#f08a24', '#f2b661', '#9fb7d9', '#4f9cf0'] as const

const LEAST_SHARE = 0.3

/** What matters most wins: a mask, then an open suggestion, then what was turned down, then other labels. */
export function lookOf({ active, suggested, unfound, declined, labels }: SliceMark): StripLook {
  if (active) return { kind: 'accepted', share: 1 }
  if (suggested !== null) {
    const sure = Math.min(1, Math.max(0, suggested))
    const color = SURE_COLORS[Math.min(SURE_COLORS.length - 1, Math.floor(sure * SURE_COLORS.length))]
    if (unfound) return { kind: 'unfound', share: 0, color }
    return { kind: 'suggested', share: LEAST_SHARE + (1 - LEAST_SHARE) * sure, color }
  }
  if (declined !== null) return { kind: 'declined', share: 0.5 }
  return labels > 0 ? { kind: 'others', share: 0.6 } : { kind: 'untouched', share: 0 }
}
