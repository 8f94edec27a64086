// English texts about label sets, their rules, and what is found when a case is submitted.

const plural = (n: number, one: string, many: string): string => `${n} ${n === 1 ? one : many}`

export const labelSetsEn = {
  details: (name: string) => `Group and rules of ${name}`,
  detailsTitle: (name: string) => `${name}: group and rules`,
  group: 'Group',
  groupHint: 'Labels of one group carry its name, for example “Abdomen”.',
  up: (name: string) => `Move ${name} up`,
  down: (name: string) => `Move ${name} down`,
  more: 'More',
  copy: 'Copy from another project',
  copyTitle: 'Copy labels from another project',
  copySubmit: 'Copy',
  copyFrom: 'Project',
  copyNone: 'You see no other project that has labels.',
  importFile: 'Import from a file',
  exportFile: 'Export as a file',
  notAFile: 'This file holds no labels: choose one that “Export as a file” made.',
  taken: (added: number, kept: number) => {
    const done = `${plural(added, 'label', 'labels')} added.`
    return kept === 0 ? done : `${done} ${plural(kept, 'was', 'were')} here already and ${kept === 1 ? 'stays' : 'stay'} as before.`
  },
  version: (n: number) => `Version ${n}`,
  versions: 'Earlier versions',
  versionsHint: 'Every change makes a version. What was drawn names the version that it was drawn with.',
  labels: (n: number) => plural(n, 'label', 'labels'),
  rulesTitle: 'Checked when a case is submitted',
  levels: { off: 'Off', warn: 'Warning', block: 'Block' },
  rules: {
    required: 'Must be drawn on every series',
    islands: 'Separate parts',
    holes: 'Holes in a slice',
    missing_slices: 'Empty slices in between',
    volume: 'Volume out of range',
    overlap: 'Shares voxels with another label',
    touching: 'Touches another label',
  },
  maxIslands: 'At most so many parts',
  minIsland: 'No part smaller than (mm³)',
  minMl: 'At least (ml)',
  maxMl: 'At most (ml)',
  findingsTitle: 'Look at this before you submit',
  blocked: 'What is marked as a block must be corrected first.',
  confirmable: 'These are warnings: submit all the same if they are meant to be so.',
  submitAnyway: 'Submit all the same',
  correct: 'Correct it',
  slice: (n: number) => `slice ${n}`,
  findings: {
    required: () => 'nothing is drawn',
    islands: (n: number) => `${plural(n, 'part', 'parts')}, one of them too small or too many`,
    holes: (n: number) => plural(n, 'hole', 'holes'),
    missing_slices: (n: number) => plural(n, 'empty slice in between', 'empty slices in between'),
    volume: (n: number) => `${n.toFixed(1)} ml`,
    overlap: (n: number) => `${plural(n, 'voxel', 'voxels')} shared with another label`,
    touching: (n: number) => `touches another label at ${plural(n, 'voxel', 'voxels')}`,
  },
} as const
