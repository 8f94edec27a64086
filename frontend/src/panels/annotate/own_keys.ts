// Sliders need the arrow keys for themselves; the page's commands would take them.

const SLIDER_KEYS = new Set(['ArrowLeft', 'ArrowRight', 'ArrowUp', 'ArrowDown', 'Home', 'End', 'PageUp', 'PageDown'])

export function ownKeys(event: KeyboardEvent): void {
  if (SLIDER_KEYS.has(event.key)) event.stopPropagation()
}
