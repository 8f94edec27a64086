// Short messages in the corner: problems stay until they are closed, confirmations leave by themselves.

import { signal, type ReadonlySignal } from '@preact/signals'
import type { Problem } from '../api/types.ts'
import { ABORTED, OFFLINE } from '../api/client.ts'
import { t } from '../i18n/text.ts'
import { Icon } from './icon.tsx'
import { Sentence } from './sentence.tsx'

export interface Toast {
  readonly id: number
  readonly wrong: boolean
  readonly title: string
  readonly detail?: string
  readonly hint?: string
}

export interface Toasts {
  readonly shown: ReadonlySignal<readonly Toast[]>
  say(title: string, detail?: string): void
  /** Shows title, detail and hint. A lost connection is the banner's business and is not repeated here. */
  problem(problem: Problem): void
  dismiss(id: number): void
}

const CONFIRMATION_MS = 5000
const MOST_SHOWN = 4

export function createToasts(later: (run: () => void, ms: number) => void): Toasts {
  const shown = signal<readonly Toast[]>([])
  let lastId = 0

  function dismiss(id: number): void {
    shown.value = shown.value.filter((toast) => toast.id !== id)
  }
  function show(toast: Omit<Toast, 'id'>): void {
    const same = (other: Toast) => other.title === toast.title && other.detail === toast.detail
    const id = (lastId += 1)
    shown.value = [...shown.value.filter((other) => !same(other)), { ...toast, id }].slice(-MOST_SHOWN)
    if (!toast.wrong) later(() => dismiss(id), CONFIRMATION_MS)
  }
  return {
    shown,
    dismiss,
    say: (title, detail) => show({ wrong: false, title, ...(detail ? { detail } : {}) }),
    problem: ({ code, title, detail, hint }) => {
      if (code === OFFLINE || code === ABORTED) return
      show({ wrong: true, title, detail, ...(hint ? { hint } : {}) })
    },
  }
}

export function ToastList({ toasts }: { toasts: Toasts }) {
  return (
    <section class="toasts" aria-label={t().shell.notifications} aria-live="polite">
      {toasts.shown.value.map((toast) => (
        <div key={toast.id} class={toast.wrong ? 'toast wrong' : 'toast'} role={toast.wrong ? 'alert' : 'status'}>
          <Icon name={toast.wrong ? 'warning' : 'check'} />
          <div>
            <h3>{toast.title}</h3>
            {toast.detail && <p><Sentence text={toast.detail} /></p>}
            {toast.hint && <p class="hint"><Sentence text={toast.hint} /></p>}
          </div>
          <button type="button" class="icon-button small" aria-label={t().common.dismiss} onClick={() => toasts.dismiss(toast.id)}>
            <Icon name="close" size={16} />
          </button>
        </div>
      ))}
    </section>
  )
}
