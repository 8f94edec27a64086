// A button that opens a small menu: arrow keys walk, Escape and a press outside close, focus returns to the button.

import type { ComponentChildren } from 'preact'
import { useId, useLayoutEffect, useRef, useState } from 'preact/hooks'

export interface MenuProps {
  /** What the button shows. */
  button: ComponentChildren
  /** What it is called for those who do not see it. */
  label: string
  buttonClass?: string
  align?: 'left' | 'right'
  /** One of its items is on that the button stands for. */
  pressed?: boolean
  disabled?: boolean
  /** What is no item of a menu and stands above them; the Tab key leads there. */
  head?: ComponentChildren
  children: ComponentChildren
}

const MARGIN_PX = 12

export function Menu({ button, label, buttonClass = 'icon-button', align = 'right', pressed = false, disabled = false, head, children }: MenuProps) {
  const [open, setOpen] = useState(false)
  const [upward, setUpward] = useState(false)
  const anchor = useRef<HTMLDivElement>(null)
  const trigger = useRef<HTMLButtonElement>(null)
  const menuId = useId()

  useLayoutEffect(() => {
    if (!open) return
    const button = trigger.current!.getBoundingClientRect()
    const height = anchor.current!.querySelector('.menu')!.clientHeight + MARGIN_PX
    setUpward(button.bottom + height > window.innerHeight && button.top > height)
    items(anchor.current)[0]?.focus({ preventScroll: true })
    const closeOutside = (event: PointerEvent) => {
      if (!anchor.current?.contains(event.target as Node)) setOpen(false)
    }
    document.addEventListener('pointerdown', closeOutside, true)
    return () => document.removeEventListener('pointerdown', closeOutside, true)
  }, [open])

  function onKeyDown(event: KeyboardEvent): void {
    if (!open) return
    if (event.key === 'Escape') {
      setOpen(false)
      trigger.current?.focus()
    } else if (event.key === 'Tab') {
      if (head === undefined) setOpen(false)
      return
    } else {
      const all = items(anchor.current)
      const next = stepFrom(all.indexOf(document.activeElement as HTMLElement), event.key, all.length)
      if (next === null) return
      all[next]?.focus()
    }
    event.preventDefault()
    event.stopPropagation()
  }

  return (
    <div class="menu-anchor" ref={anchor} onKeyDown={onKeyDown} onFocusOut={({ relatedTarget: to }) => { if (to && !anchor.current!.contains(to as Node)) setOpen(false) }}>
      <button ref={trigger} type="button" class={`${buttonClass}${pressed ? ' on' : ''}`} aria-label={label} title={label} aria-haspopup="menu" aria-expanded={open}
        aria-controls={open ? menuId : undefined} disabled={disabled} onClick={() => setOpen(!open)}>
        {button}
      </button>
      {open && (
        <div class={`menu ${align === 'left' ? 'from-left' : ''} ${upward ? 'upward' : ''}`}>
          {head}
          <div id={menuId} role="menu" aria-label={label}
            onClick={(event) => {
              if (!(event.target as Element).closest('[role^="menuitem"]')) return
              setOpen(false)
              trigger.current?.focus()
            }}>
            {children}
          </div>
        </div>
      )}
    </div>
  )
}

function items(anchor: HTMLElement | null): HTMLElement[] {
  return [...(anchor?.querySelectorAll<HTMLElement>('[role^="menuitem"]:not(:disabled)') ?? [])]
}

/** The item that a key moves to, or null for keys that do not move. */
export function stepFrom(index: number, key: string, count: number): number | null {
  if (count === 0) return null
  if (key === 'ArrowDown') return (index + 1) % count
  if (key === 'ArrowUp') return index <= 0 ? count - 1 : index - 1
  if (key === 'Home') return 0
  if (key === 'End') return count - 1
  return null
}
