// An area that accepts dropped files and folders, and says so while something is dragged over it.

import type { ComponentChildren } from 'preact'
import { useRef, useState } from 'preact/hooks'
import type { NamedFile } from '../api/upload.ts'
import { carriesFiles, filesOfDrop } from './dropped_files.ts'
import { Icon } from './icon.tsx'

export interface DropAreaProps {
  disabled?: boolean
  /** What happens on a drop, in words. */
  message: string
  onFiles: (files: NamedFile[]) => void
  children: ComponentChildren
}

export function DropArea({ disabled = false, message, onFiles, children }: DropAreaProps) {
  const [over, setOver] = useState(false)
  const depth = useRef(0) // dragenter and dragleave also fire for children

  function leaveAll(): void {
    depth.current = 0
    setOver(false)
  }
  if (disabled) return <div class="drop-area">{children}</div>
  return (
    <div class="drop-area"
      onDragEnter={(event) => { if (carriesFiles(event.dataTransfer)) { depth.current += 1; setOver(true) } }}
      onDragLeave={(event) => { if (carriesFiles(event.dataTransfer) && (depth.current -= 1) <= 0) leaveAll() }}
      onDragOver={(event) => {
        if (!carriesFiles(event.dataTransfer)) return
        event.preventDefault()
        event.dataTransfer!.dropEffect = 'copy'
      }}
      onDrop={async (event) => {
        if (!carriesFiles(event.dataTransfer)) return
        event.preventDefault()
        leaveAll()
        onFiles(await filesOfDrop(event.dataTransfer!))
      }}>
      {children}
      {over && <div class="drop-veil" aria-hidden="true"><Icon name="upload" size={40} /><p>{message}</p></div>}
    </div>
  )
}
