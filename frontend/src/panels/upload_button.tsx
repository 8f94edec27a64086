// "Upload": a menu of two pickers, because a browser's picker takes either files or one folder.

import { useRef } from 'preact/hooks'
import type { NamedFile } from '../api/upload.ts'
import { t } from '../i18n/text.ts'
import { filesOfPicker } from './dropped_files.ts'
import { Icon } from './icon.tsx'
import { Menu } from './menu.tsx'

export function UploadButton({ primary, onFiles }: { primary?: boolean; onFiles: (files: NamedFile[]) => void }) {
  const files = useRef<HTMLInputElement>(null)
  const folder = useRef<HTMLInputElement>(null)
  const text = t().project
  function take(input: HTMLInputElement): void {
    const chosen = filesOfPicker(input.files!)
    input.value = '' // so that choosing the same file again is noticed
    if (chosen.length > 0) onFiles(chosen)
  }
  return (
    <>
      <Menu label={text.upload} buttonClass={primary ? 'button primary' : 'button'}
        button={<><Icon name="upload" />{text.upload}<Icon name="down" size={16} /></>}>
        <button type="button" role="menuitem" onClick={() => files.current!.click()}><Icon name="file" />{text.uploadFiles}</button>
        <button type="button" role="menuitem" onClick={() => folder.current!.click()}><Icon name="project" />{text.uploadFolder}</button>
      </Menu>
      <input ref={files} type="file" multiple hidden onChange={(event) => take(event.currentTarget)} />
      <input ref={(input) => { folder.current = input; input?.setAttribute('webkitdirectory', '') }} type="file" hidden onChange={(event) => take(event.currentTarget)} />
    </>
  )
}
