// A modal dialog on the browser's own <dialog>: focus stays inside, Escape closes, focus returns where it was. A press
// beside it closes it too, unless it is a form: what was typed is not thrown away by a slip.

import type { ComponentChildren } from 'preact'
import { useEffect, useId, useRef } from 'preact/hooks'
import { t } from '../i18n/text.ts'
import { Icon } from './icon.tsx'

export interface DialogProps {
  title: string
  onClose: () => void
  broad?: boolean
  footer?: ComponentChildren
  /** With it the dialog is a form: Enter and the submit button in the footer call it. */
  onSubmit?: () => void
  children: ComponentChildren
}

export function Dialog({ title, onClose, broad, footer, onSubmit, children }: DialogProps) {
  const element = useRef<HTMLDialogElement>(null)
  const titleId = useId()
  useEffect(() => {
    const dialog = element.current!
    const before = document.activeElement
    dialog.showModal()
    return () => {
      dialog.close()
      setTimeout(() => { // the browser gives the focus back, but not to what is disabled at this moment
        if (document.activeElement === document.body && before instanceof HTMLElement) before.focus({ preventScroll: true })
      })
    }
  }, [])
  const content = (
    <>
      <div class="body">{children}</div>
      {footer && <footer>{footer}</footer>}
    </>
  )
  return (
    <dialog ref={element} class={broad ? 'dialog broad' : 'dialog'} aria-labelledby={titleId}
      onCancel={(event) => { event.preventDefault(); onClose() }}
      onPointerDown={(event) => { if (event.target === element.current && !onSubmit) onClose() }}>
      <header>
        <h2 id={titleId}>{title}</h2>
        <button type="button" class="icon-button" aria-label={t().common.close} onClick={onClose}><Icon name="close" /></button>
      </header>
      {onSubmit
        ? <form noValidate onSubmit={(event) => { event.preventDefault(); onSubmit() }}>{content}</form>
        : content}
    </dialog>
  )
}
