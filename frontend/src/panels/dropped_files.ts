// What a drop or a file picker holds, folders opened: a flat list of files with their paths.

import type { NamedFile } from '../api/upload.ts'

/** Files of a picker. With a folder picker each knows its path below the chosen folder. */
export function filesOfPicker(list: FileList): NamedFile[] {
  return [...list].map((file) => ({ file, path: file.webkitRelativePath || file.name }))
}

/** Files of a drop, folders walked to the bottom. Must be called inside the drop event: the list is empty afterwards. */
export async function filesOfDrop(transfer: DataTransfer): Promise<NamedFile[]> {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry()).filter((entry) => entry !== null)
  const found: NamedFile[] = []
  for (const entry of entries) await collect(entry, found)
  return found
}

export function carriesFiles(transfer: DataTransfer | null): boolean {
  return transfer?.types.includes('Files') ?? false
}

async function collect(entry: FileSystemEntry, found: NamedFile[]): Promise<void> {
  if (entry.isFile) {
    const file = await new Promise<File>((done, failed) => (entry as FileSystemFileEntry).file(done, failed))
    found.push({ file, path: entry.fullPath.replace(/^\//, '') })
    return
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader()
  for (;;) {
    // A reader gives at most about a hundred entries at a time and an empty list at the end.
    const batch = await new Promise<FileSystemEntry[]>((done, failed) => reader.readEntries(done, failed))
    if (batch.length === 0) return
    for (const child of batch) await collect(child, found)
  }
}
