// What kind of computer the page runs on, where keys and buttons differ.

/** Cmd is what Ctrl is elsewhere, and a click with Ctrl is one with the right button. */
export function isMac(): boolean {
  return /mac|iphone|ipad/i.test(globalThis.navigator?.platform ?? '')
}
