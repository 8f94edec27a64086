// English texts about data out and in: whole projects, and webhooks.

type Numbers = Readonly<Record<string, number>>

export const exchangeEn = {
  export: {
    title: 'Export the project',
    detail: 'One file with everything: cases and their states, labels, comments, every revision with its author, what was learned, and the log. Another installation can import it.',
    images: 'With images',
    imagesHint: 'Voxels and the untouched original files. Without them the archive fits only where the same images are.',
    masks: 'With masks for other programs',
    masksHint: 'Every person’s masks as NIfTI and, of DICOM images, as DICOM SEG.',
    start: 'Export',
    cancel: 'Cancel',
    done: (size: string) => `The archive is ready (${size}).`,
    download: 'Download',
  },
  import: {
    open: 'Import a project',
    title: 'Import a project',
    detail: 'The file that “Export the project” made, here or in another installation. People are matched by e-mail; who has no account here becomes a name that cannot sign in.',
    file: 'Archive',
    name: 'New name',
    nameHint: 'Only needed to make a second project of one that is here already.',
    start: 'Import',
    sending: (share: string) => `Sending the file: ${share}`,
    done: (name: string) => `“${name}” is here.`,
    kept: (count: number) => (count === 1 ? 'One person has no account here and is a name only.' : `${count} people have no account here and are names only.`),
    missing: 'Choose the file first.',
  },
  running: { queued: 'Waiting for a worker', cancelled: 'Cancelled.' },
  messages: {
    packing_records: () => 'Writing the records',
    packing_images: ({ done, of }: Numbers) => `Packing images: ${done} of ${of}`,
    packing_masks: ({ done, of }: Numbers) => `Writing masks: ${done} of ${of}`,
    checking_archive: ({ done, of }: Numbers) => `Checking the files: ${done} of ${of}`,
    restoring_records: () => 'Bringing in the records',
    restoring_images: ({ done, of }: Numbers) => `Bringing in images: ${done} of ${of}`,
  },
}
