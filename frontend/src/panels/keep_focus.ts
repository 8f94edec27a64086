// A button that is disabled while it works loses the focus, and with it whoever uses the keyboard loses their place. When
// it can be pressed again and nothing else was chosen meanwhile, the focus goes back to it.

/** Watches the document until the returned function is called. */
export function keepFocus(document: Document): () => void {
  let last: HTMLElement | null = null
  const remember = (event: FocusEvent) => { last = event.target as HTMLElement }
  const observer = new MutationObserver((changes) => {
    if (last === null || document.activeElement !== document.body || !changes.some(({ target }) => target === last)) return
    if (!last.hasAttribute('disabled')) last.focus({ preventScroll: true })
  })
  document.addEventListener('focusin', remember)
  observer.observe(document.body, { subtree: true, attributes: true, attributeFilter: ['disabled'] })
  return () => {
    document.removeEventListener('focusin', remember)
    observer.disconnect()
  }
}
