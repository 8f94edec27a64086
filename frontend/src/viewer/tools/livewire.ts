// Livewire: anchors are set by clicks, and between them the outline snaps to edges. It closes like a polygon: with Enter, a
// click on the first anchor or a second click on the last; Backspace takes an anchor back. Alt at the end takes away.
import type { SlicePoint } from '../geometry.ts'
import { Wire } from '../livewire.ts'
import type { Session } from '../session.ts'
import { CLOSE_PX, finish, giveUp, near } from './outlines.ts'
import type { PointerInfo, Tool } from './tool.ts'

interface Laid { readonly anchors: readonly SlicePoint[]; readonly legs: readonly (readonly SlicePoint[])[]; readonly wire: Wire }

/** Shows what is laid and the way to the pointer. */
function show(session: Session, laid: Laid, to: SlicePoint): 'placing' {
  const points = [laid.anchors[0], ...laid.legs.flat(), ...laid.wire.to(to)]
  session.outline.value = { slice: session.view.slice.value, points, anchors: laid.anchors, laid }
  return 'placing'
}

function begin(session: Session, at: SlicePoint): 'idle' | 'placing' {
  const image = session.view.image.value
  if (!session.canDraw.value || image === null) return 'idle'
  const wire = new Wire(image, at)
  return show(session, { anchors: [wire.from], legs: [], wire }, at)
}

function laidOf({ outline }: Session): Laid {
  return outline.value!.laid!
}

/** The way back to the first anchor closes the outline. */
function close(session: Session, away: boolean): 'idle' {
  const { anchors, legs, wire } = laidOf(session)
  return finish(session, [anchors[0], ...legs.flat(), ...wire.to(anchors[0])], away)
}

function place(session: Session, e: PointerInfo): 'idle' | 'placing' {
  const image = session.view.image.value
  if (image === null || session.outline.value?.slice !== session.view.slice.value) return begin(session, e.point) // the reader has moved on
  const { anchors, legs, wire } = laidOf(session)
  const closes = anchors.length > 2 && near(session, anchors[0], e.screen, CLOSE_PX) || anchors.length > 1 && near(session, anchors.at(-1)!, e.screen, CLOSE_PX / 2)
  if (closes) return close(session, e.alt)
  const leg = wire.to(e.point), next = new Wire(image, leg.at(-1)!)
  return show(session, { anchors: [...anchors, next.from], legs: [...legs, leg], wire: next }, e.point)
}

export const livewire: Tool<'idle' | 'placing'> = {
  id: 'livewire', initial: 'idle', cursor: 'crosshair',
  on: {
    idle: { pointerDown: ({ session }, e) => begin(session, e.point) },
    placing: {
      pointerDown: ({ session }, e) => place(session, e),
      pointerMove: ({ session }, e) => show(session, laidOf(session), e.point),
      pointerUp: () => 'placing',
      complete: ({ session }) => close(session, false),
      back: ({ session }) => {
        const { anchors, legs } = laidOf(session), image = session.view.image.value
        if (anchors.length < 2 || image === null) return giveUp(session)
        const kept = anchors.slice(0, -1)
        return show(session, { anchors: kept, legs: legs.slice(0, -1), wire: new Wire(image, kept.at(-1)!) }, anchors.at(-1)!)
      },
      cancel: ({ session }) => giveUp(session),
    },
  },
}
