// The installation's health on the page: a small mark in the top bar with the reasons behind it, and a banner while
// something is wrong.

import { Fragment } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import { t, type Catalogue } from '../i18n/text.ts'
import { Icon } from './icon.tsx'
import { Sentence } from './sentence.tsx'
import type { SystemWatch, Trouble } from './system_watch.ts'

export interface TroubleText { title: string; hint: string | null }

/** The trouble in the chosen language; what the server stated itself is shown as it came. */
export function describeTrouble(trouble: Trouble, text: Catalogue['system']): TroubleText {
  switch (trouble.kind) {
    case 'offline': return { title: text.offlineTitle, hint: text.offlineHint }
    case 'queue': return { title: text.queueTitle, hint: text.queueHint }
    case 'no_workers': return { title: text.noWorkersTitle, hint: text.noWorkersHint }
    case 'no_click': return { title: text.noClickTitle, hint: text.noClickHint }
    case 'no_io': return { title: text.noIoTitle, hint: text.noIoHint }
    case 'stated': return { title: trouble.detail ?? '', hint: trouble.hint ?? null }
  }
}

export function SystemBanner({ watch }: { watch: SystemWatch }) {
  const trouble = watch.troubles.value[0]
  if (!trouble) return null
  const { title, hint } = describeTrouble(trouble, t().system)
  return (
    <div class="banner" role="status">
      <Icon name={trouble.kind === 'offline' ? 'offline' : 'worker'} />
      <p><strong><Sentence text={title} /></strong> {hint && <span class="hint"><Sentence text={hint} /></span>}</p>
    </div>
  )
}

export function SystemStatus({ watch }: { watch: SystemWatch }) {
  const [open, setOpen] = useState(false)
  const anchor = useRef<HTMLDivElement>(null)
  const text = t().system
  const workerNames: Readonly<Record<string, string>> = text.workerNames
  const troubles = watch.troubles.value
  const system = watch.system.value
  const word = troubles.length > 0 ? text.attention : system ? text.ready : text.checking
  const mark = troubles.length > 0 ? 'wrong' : system ? '' : 'waiting'

  useEffect(() => {
    if (!open) return
    const closeOutside = (event: PointerEvent) => {
      if (!anchor.current?.contains(event.target as Node)) setOpen(false)
    }
    document.addEventListener('pointerdown', closeOutside, true)
    return () => document.removeEventListener('pointerdown', closeOutside, true)
  }, [open])

  return (
    <div class="menu-anchor" ref={anchor} onKeyDown={(event) => { if (event.key === 'Escape') setOpen(false) }}>
      <button type="button" class="icon-button status-button" aria-expanded={open} aria-label={`${text.status}: ${word}`}
        title={text.status} onClick={() => { setOpen(!open); if (!open) void watch.checkNow() }}>
        <span class={`status-mark ${mark}`} />
        <span class="status-word">{word}</span>
      </button>
      {open && (
        <div class="menu status-panel" role="group" aria-label={text.status}>
          {troubles.length === 0 && <p>{system ? text.allWell : text.checking}</p>}
          <ul>
            {troubles.map((trouble, index) => {
              const { title, hint } = describeTrouble(trouble, text)
              return <li key={index}><h3><Sentence text={title} /></h3>{hint && <p class="soft"><Sentence text={hint} /></p>}</li>
            })}
          </ul>
          {system && (
            <dl>
              <dt class="faint">{text.workers}</dt><dd />
              {Object.entries(system.workers).map(([queue, count]) => (
                <Fragment key={queue}><dt>{workerNames[queue] ?? queue}</dt><dd>{count}</dd></Fragment>
              ))}
              <dt>{text.version}</dt><dd>{system.version}</dd>
            </dl>
          )}
        </div>
      )}
    </div>
  )
}
