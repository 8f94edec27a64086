// Where the focus goes when something appears that is to be typed into. The attribute `autofocus` does that in dialogs and
// once when a page loads, never for what comes later.

/** As a `ref`: the element takes the focus when it appears. */
export function takeFocus(element: HTMLElement | null): void {
  element?.focus()
}
