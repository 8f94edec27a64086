// The texts of the models tab: what was learned in a project, and where it is in use.

const plural = (count: number, one: string, many: string): string => `${count} ${count === 1 ? one : many}`

export const modelsEn = {
  allLabels: 'All labels',
  label: 'Label',
  prompts: 'Learned prompts',
  promptsHelp: 'What annotated slices taught the model about a label. The gain is estimated: each slice was left out once and then found without it.',
  noPrompts: 'Nothing was learned yet. Annotate two slices of a label: learning starts by itself.',
  networks: 'SAP-Nets',
  networksHelp: 'The networks that find where a label is, from which “Segment the rest” makes its prompts.',
  noNetworks: 'No network was learned yet. “Segment the rest” on the annotate page learns one.',
  learnedFrom: 'Learned from',
  pictures: 'the pictures of the project',
  slices: (numbers: string, count: number) => `${count === 1 ? 'slice' : 'slices'} ${numbers}`,
  countPictures: (count: number) => plural(count, 'picture', 'pictures'),
  without: (count: number) => `${count} without the label`,
  gain: 'Gain',
  gainHint: 'Mean Dice on slices that were left out: with the plain model, and with what was learned',
  fromTo: (plain: string, learned: string) => `${plain} → ${learned}`,
  reasons: { better: '', no_gain: 'no gain', deaf: 'does not follow its prompts' },
  proposed: 'Proposed',
  proposedOn: (slices: number, empty: number) => `${plural(slices, 'slice', 'slices')}${empty > 0 ? `, ${empty} empty` : ''}`,
  by: 'By',
  use: 'In use',
  answers: 'answers clicks',
  start: 'start of new cases',
  switchOn: 'Let it answer',
  switchOff: 'Switch off',
  keep: 'Start new cases with it',
  keepNot: 'No longer start with it',
  download: 'Download',
  details: 'Where it comes from',
  checksum: 'Checksum',
  model: 'Model',
  seed: 'Seed',
  revisions: 'Revisions',
}

export type ModelsTexts = typeof modelsEn
