// English texts about the windows of a project.

export const windowsEn = {
  title: 'Windows',
  hint: 'How series of a kind are shown when they are opened, and what the window menu offers beside the usual presets. Everybody can still change the window while looking. What the model sees stays as it is.',
  modality: 'Kind of images',
  openedWith: 'Opened with',
  asStored: 'as the series says',
  name: 'Name',
  width: 'Width',
  level: 'Level',
  namePlaceholder: 'Pancreas',
  add: 'Add a window',
  remove: (name: string) => `Remove ${name}`,
  save: 'Save the windows',
  saved: (modality: string) => `The windows for ${modality} are saved.`,
  clash: 'Two windows have the same name.',
} as const
