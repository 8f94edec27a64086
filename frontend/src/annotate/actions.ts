// Every command of the annotate page, once: the toolbar, the menu, the keyboard and the help read this list. An action says
// what it is called (a key of the catalogue), which keys do it, when it can be done, and does it.
import type { Annotator, MaskEdit, PageCommands, ToolId } from './annotator.ts'
import { MOST_COMPANIONS } from './companions.ts'
import type { Foreseeable, ObjectEdit } from './drawing.ts'
import { isUnfinished } from './learning.ts'
import type { Layout } from '../viewer/panes.ts'

export type ActionGroup = 'tools' | 'proposal' | 'learning' | 'edit' | 'rounds' | 'labels' | 'slices' | 'view' | 'window' | 'case'

export interface Action {
  readonly id: string
  /** Key in the text catalogue. */
  readonly label: string
  readonly group: ActionGroup
  /** Which of several alike it is: the label, preset or plane of this number, counted from 0. */
  readonly number?: number
  /** The usual ones; what a person changed is in keymap.ts. The first one is shown. */
  readonly keys: readonly string[]
  readonly when?: (annotator: Annotator) => boolean
  /** Pressed in: the tool in hand, a switch that is on. */
  readonly active?: (annotator: Annotator) => boolean
  /** What can be seen of it on the picture before it is done. */
  readonly foresees?: Foreseeable
  /** Goes on while the key is held. */
  readonly repeats?: boolean
  readonly perform: (annotator: Annotator, page: PageCommands) => void
}

const ZOOM_STEP = 1.25
const POINTER_STEP_PX = 12
const FINE_POINTER_STEP_PX = 1
const BRUSH_STEP = 1.2
const PRESET_KEYS = 6
const LABEL_KEYS = 9
const PLANE_KEYS = 3
const SERIES_KEYS: readonly (readonly string[])[] = [['Shift+Digit7'], ['Shift+Digit8'], []]

function tool(id: ToolId, keys: readonly string[], needsLabel: boolean): Action {
  return {
    id: `tool.${id}`, label: `tool.${id}`, group: 'tools', keys,
    active: (a) => a.tool.value === id,
    ...(needsLabel ? { when: (a: Annotator) => a.labels.value.length > 0 } : {}),
    perform: (a) => a.setTool(id),
  }
}

function nextLabel(step: 1 | -1): (annotator: Annotator) => void {
  return (a) => {
    const labels = a.labels.value
    const at = labels.findIndex((label) => label.active)
    if (labels.length > 0) a.setActiveLabel(labels[(at + step + labels.length) % labels.length].id)
  }
}

const DIRECTIONS = [['Left', -1, 0], ['Right', 1, 0], ['Up', 0, -1], ['Down', 0, 1]] as const

const pointerMoves: readonly Action[] = [['Shift', POINTER_STEP_PX], ['Ctrl+Shift', FINE_POINTER_STEP_PX]].flatMap(([modifiers, step]) =>
  DIRECTIONS.map(([way, dx, dy]): Action => ({
    id: `pointer.${way.toLowerCase()}${step}`, label: step === POINTER_STEP_PX ? 'action.move_pointer' : 'action.move_pointer_finely',
    group: 'tools', keys: [`${modifiers}+Arrow${way}`], repeats: true,
    perform: (a) => a.movePointer(dx * Number(step), dy * Number(step)),
  })))

const hasLabels = (a: Annotator) => a.labels.value.length > 0
const hasProposal = (a: Annotator) => a.proposal.value !== null
const hasDraft = (a: Annotator) => a.proposal.value?.kind === 'draft'

/** The machine has learned enough of the active label, or is shown enough, and is not at it already. */
const mayPropose = ({ learning: { label, proposing } }: Annotator) =>
  label.value !== null && (proposing.value === null || !isUnfinished(proposing.value))

function edit(what: MaskEdit, key: string | null, repeats = false): Action {
  return {
    id: `edit.${what}`, label: `action.${what}_mask`, group: 'edit', keys: key === null ? [] : [key], repeats, foresees: what, perform: (a) => a.editMask(what),
    when: (a) => a.canDraw.value && (a.proposal.value !== null || (a.marks.value[a.slice.value]?.active ?? false)),
  }
}

const hasMaskHere = (a: Annotator) => a.canDraw.value && (a.marks.value[a.slice.value]?.active ?? false)

const hasGaps = (a: Annotator) => a.labels.value.some((label) => label.active && label.slices > 1 && label.holes.length > 0)

function objects(what: ObjectEdit): Action {
  return {
    id: `edit.${what}Objects`, label: `action.${what}_objects`, group: 'edit', keys: [], foresees: `${what}Objects`, perform: (a) => a.drawing.editObjects(what),
    when: (a) => a.canDraw.value && a.labels.value.some((label) => label.active && label.slices > 0) && (what !== 'split' || a.labels.value.length > 1),
  }
}

function layout(name: string, id: Exclude<Layout, 'series'>, digit: number): Action {
  return {
    id: `view.layout${name}`, label: `action.layout_${id}`, group: 'view', keys: [`Shift+Digit${digit}`],
    when: (a) => a.panes.possible, active: (a) => a.panes.layout.value === id, perform: (a) => a.panes.setLayout(id),
  }
}

const numbered = <T>(count: number, make: (n: number) => T): T[] => Array.from({ length: count }, (_, n) => make(n))

export const ACTIONS: readonly Action[] = [
  tool('point', ['p'], true),
  tool('box', ['x'], true),
  tool('scribble', ['Alt+p'], true),
  tool('encircle', ['Alt+x'], true),
  tool('brush', ['b'], true),
  tool('eraser', ['e'], true),
  tool('lasso', ['j'], true),
  tool('polygon', ['g'], true),
  tool('livewire', ['Shift+J'], true),
  tool('trace', ['Shift+C'], true),
  tool('scissors', ['c'], true),
  tool('window', ['l'], false),
  tool('pan', ['m'], false),
  tool('zoom', ['z'], false),
  tool('scroll', ['o'], false),
  tool('probe', ['k'], false),
  tool('ruler', ['u'], false),
  tool('angle', [], false),
  tool('bidirectional', [], false),
  tool('rectangle', [], false),
  tool('ellipse', [], false),
  ...pointerMoves,
  { id: 'pointer.press', label: 'action.press_pointer', group: 'tools', keys: ['Shift+Enter'], perform: (a) => a.pressPointer() },
  { id: 'pointer.opposite', label: 'action.press_opposite', group: 'tools', keys: ['Alt+Enter'], perform: (a) => a.pressPointer({ alt: true }) },
  { id: 'pointer.collect', label: 'action.press_collect', group: 'tools', keys: ['Ctrl+Shift+Enter'], perform: (a) => a.pressPointer({ ctrl: true }) },
  { id: 'pointer.toPicture', label: 'action.to_picture', group: 'tools', keys: ['F6'], perform: (a) => a.focusPicture() },

  { id: 'proposal.accept', label: 'action.accept', group: 'proposal', keys: ['Enter'], perform: (a) => a.accept(),
    when: (a) => a.proposal.value !== null && !a.proposal.value.waiting },
  { id: 'proposal.reject', label: 'action.reject', group: 'proposal', keys: ['Escape'], when: hasProposal, perform: (a) => a.reject() },
  { id: 'proposal.removePrompt', label: 'action.remove_prompt', group: 'proposal', keys: ['Backspace'], when: hasProposal,
    perform: (a) => a.removeLastPrompt() },
  { id: 'proposal.absent', label: 'action.absent', group: 'proposal', keys: ['Shift+Digit0'], perform: (a) => a.declareAbsent(),
    when: (a) => a.proposal.value?.kind === 'suggestion' },
  { id: 'proposal.end', label: 'action.label_ends', group: 'proposal', keys: ['Shift+Digit9'], perform: (a) => a.declareEnd(),
    when: (a) => a.proposal.value?.kind === 'suggestion' },
  { id: 'proposal.comparePlain', label: 'action.compare_plain', group: 'proposal', keys: ['t'],
    when: (a) => hasDraft(a) && a.proposal.value!.prompts.length > 0, active: (a) => a.proposal.value?.plain ?? false,
    perform: (a) => a.setPlain(!a.proposal.value!.plain) },

  { id: 'proposal.preview', label: 'action.preview', group: 'proposal', keys: ['Shift+Z'], active: (a) => a.previews.value,
    perform: (a) => a.setPreviews(!a.previews.value) },

  { id: 'learning.segmentRest', label: 'action.segment_rest', group: 'learning', keys: ['Shift+R'],
    when: (a) => mayPropose(a) && a.learning.missing.value === 0, perform: (a) => void a.learning.segmentRest() },
  { id: 'learning.propagate', label: 'action.propagate', group: 'learning', keys: ['Shift+P'],
    when: (a) => mayPropose(a) && a.canDraw.value && a.sliceCount.value > 1 && (a.marks.value[a.slice.value]?.active ?? false),
    perform: (a) => void a.learning.propagate(a.slice.value) },
  { id: 'learning.acceptSure', label: 'action.accept_sure', group: 'learning', keys: ['Shift+A'],
    when: ({ review }) => review.sure.value.length > 0 && !review.busy.value, perform: ({ review }) => void review.acceptSure() },
  { id: 'learning.acceptPictures', label: 'action.accept_pictures', group: 'learning', keys: ['Ctrl+Shift+A'],
    when: ({ learning, review }) => (learning.label.value?.pictures ?? false) && !review.busy.value,
    perform: ({ review }) => void review.acceptPictures() },
  { id: 'learning.leastCertain', label: 'action.least_certain', group: 'learning', keys: ['Shift+N'],
    when: ({ learning: { label }, review }) => review.leastCertain.value !== null || (label.value?.pictures ?? false),
    perform: ({ learning: { label }, review }, page) => {
      if (label.value?.pictures) page.leastCertainPicture(label.value.label_id)
      else review.walk()
    } },
  { id: 'learning.nextUseful', label: 'action.next_useful', group: 'learning', keys: ['n'],
    when: ({ review }) => review.useful.value !== null, perform: (a) => a.lookAt(a.review.useful.value!) },

  { id: 'edit.undo', label: 'action.undo', group: 'edit', keys: ['Ctrl+z'], repeats: true, when: (a) => a.canUndo.value, perform: (a) => a.undo() },
  { id: 'edit.redo', label: 'action.redo', group: 'edit', keys: ['Ctrl+Shift+z', 'Ctrl+y'], repeats: true,
    when: (a) => a.canRedo.value, perform: (a) => a.redo() },
  { id: 'edit.clearSlice', label: 'action.clear_slice', group: 'edit', keys: ['Delete'], perform: (a) => a.clearSlice(),
    when: (a) => a.canDraw.value && a.proposal.value === null && (a.marks.value[a.slice.value]?.active ?? false) },
  { id: 'edit.copyPrevious', label: 'action.copy_previous', group: 'edit', keys: ['Shift+D'], foresees: 'copyPrevious', perform: (a) => a.copyFromSlice(-1),
    when: (a) => a.canDraw.value && (a.marks.value[a.slice.value - 1]?.active ?? false) },
  { id: 'edit.copyNext', label: 'action.copy_next', group: 'edit', keys: ['Shift+F'], foresees: 'copyNext', perform: (a) => a.copyFromSlice(1),
    when: (a) => a.canDraw.value && (a.marks.value[a.slice.value + 1]?.active ?? false) },
  { id: 'edit.copyToPrevious', label: 'action.copy_to_previous', group: 'edit', keys: ['Ctrl+ArrowUp'], repeats: true,
    when: (a) => hasMaskHere(a) && a.slice.value > 0, perform: (a) => a.drawing.copyToSlice(-1) },
  { id: 'edit.copyToNext', label: 'action.copy_to_next', group: 'edit', keys: ['Ctrl+ArrowDown'], repeats: true,
    when: (a) => hasMaskHere(a) && a.slice.value < a.sliceCount.value - 1, perform: (a) => a.drawing.copyToSlice(1) },
  edit('fill', 'Shift+H'),
  edit('largest', 'Shift+L'),
  edit('smooth', 'Shift+S'),
  edit('grow', 'Shift+G', true),
  edit('shrink', 'Shift+T', true),
  edit('removeSmall', 'Shift+X'),
  { ...edit('addOthers', null), when: (a) => a.canDraw.value && (a.marks.value[a.slice.value]?.labels ?? 0) > 0 },
  edit('subtractOthers', 'Shift+W'),
  edit('keepOthers', null),
  { ...edit('invert', null), when: (a) => a.canDraw.value },
  edit('keepRange', 'Shift+E'),
  objects('largest'),
  objects('removeSmall'),
  objects('split'),
  { id: 'edit.interpolate', label: 'action.interpolate_slices', group: 'edit', keys: ['Shift+I'], foresees: 'interpolate', when: (a) => a.canInterpolate.value,
    perform: (a) => a.interpolate() },
  { id: 'edit.interpolateAll', label: 'action.interpolate_all', group: 'edit', keys: ['Alt+i'],
    when: (a) => a.canDraw.value && hasGaps(a), perform: (a) => a.drawing.interpolateAll() },
  { id: 'edit.smallerBrush', label: 'action.smaller_brush', group: 'edit', keys: ['['], repeats: true,
    perform: (a) => a.setBrushRadiusMm(a.brushRadiusMm.value / BRUSH_STEP) },
  { id: 'edit.largerBrush', label: 'action.larger_brush', group: 'edit', keys: [']'], repeats: true,
    perform: (a) => a.setBrushRadiusMm(a.brushRadiusMm.value * BRUSH_STEP) },
  { id: 'edit.brushShape', label: 'action.brush_shape', group: 'edit', keys: ['Shift+B'], perform: (a) => a.drawing.nextShape() },
  { id: 'edit.followEdges', label: 'action.follow_edges', group: 'edit', keys: ['Shift+O'], active: (a) => a.drawing.followsEdges.value,
    when: (a) => a.volume.channels === 1, perform: (a) => a.drawing.setFollowsEdges(!a.drawing.followsEdges.value) },
  { id: 'edit.insideLabel', label: 'action.inside_label', group: 'edit', keys: ['Shift+Y'], active: (a) => a.drawing.inside.value !== null,
    when: (a) => a.activeLabelId.value !== null, perform: (a) => a.drawing.setInside(a.drawing.inside.value === null ? a.activeLabelId.value : null) },
  { id: 'edit.exclusive', label: 'action.exclusive', group: 'edit', keys: ['Shift+Q'], active: (a) => a.drawing.exclusive.value,
    when: (a) => a.labels.value.length > 1 && !a.drawing.alwaysExclusive, perform: (a) => a.drawing.setExclusive(!a.drawing.exclusive.value) },
  { id: 'edit.save', label: 'action.save_now', group: 'edit', keys: ['Ctrl+s'], perform: (a) => a.flush() },

  { id: 'rounds.flip', label: 'action.flip_rounds', group: 'rounds', keys: [','], active: (a) => a.rounds.flipped.value,
    when: (a) => a.rounds.ready.value && a.rounds.view.value !== 'beside', perform: (a) => a.rounds.flip() },
  { id: 'rounds.next', label: 'action.next_changed', group: 'rounds', keys: ['.'],
    when: (a) => a.rounds.ready.value && a.rounds.changed.value.length > 0, perform: (a) => a.rounds.next() },

  ...numbered(LABEL_KEYS, (n): Action => ({
    id: `labels.choose${n + 1}`, label: 'action.choose_label', group: 'labels', number: n, keys: [String(n + 1)],
    when: (a) => labelOfKey(a, n) !== undefined,
    active: (a) => labelOfKey(a, n)?.active ?? false,
    perform: (a) => a.setActiveLabel(labelOfKey(a, n)!.id),
  })),
  { id: 'labels.previous', label: 'action.previous_label', group: 'labels', keys: ['q'], when: hasLabels, perform: nextLabel(-1) },
  { id: 'labels.next', label: 'action.next_label', group: 'labels', keys: ['w'], when: hasLabels, perform: nextLabel(1) },
  { id: 'labels.add', label: 'action.add_label', group: 'labels', keys: ['a'], perform: (_, page) => page.addLabel() },
  { id: 'labels.toggle', label: 'action.toggle_masks', group: 'labels', keys: ['s'], active: (a) => a.masksVisible.value,
    perform: (a) => a.setMasksVisible(!a.masksVisible.value) },

  { id: 'labels.patterns', label: 'action.label_patterns', group: 'labels', keys: [], active: (a) => a.patterns.value,
    perform: (a) => a.setPatterns(!a.patterns.value) },

  { id: 'slices.previous', label: 'action.previous_slice', group: 'slices', keys: ['ArrowUp', 'd'], repeats: true, perform: (a) => a.moveSlices(-1) },
  { id: 'slices.next', label: 'action.next_slice', group: 'slices', keys: ['ArrowDown', 'f'], repeats: true, perform: (a) => a.moveSlices(1) },
  { id: 'slices.first', label: 'action.first_slice', group: 'slices', keys: ['Home'], perform: (a) => a.setSlice(0) },
  { id: 'slices.last', label: 'action.last_slice', group: 'slices', keys: ['End'], perform: (a) => a.setSlice(a.sliceCount.value - 1) },
  { id: 'slices.play', label: 'action.play', group: 'slices', keys: ['Shift+Space', 'Ctrl+Space'], active: (a) => a.playing.value,
    when: (a) => a.sliceCount.value > 1, perform: (a) => a.setPlaying(!a.playing.value) },
  ...numbered(PLANE_KEYS, (n): Action => ({
    id: `slices.plane${n + 1}`, label: 'action.choose_plane', group: 'slices', number: n, keys: [`Shift+Digit${n + 1}`],
    when: (a) => a.planes.length > 1 && n < a.planes.length,
    active: (a) => a.planes[n]?.axis === a.axis.value,
    perform: (a) => a.setAxis(a.planes[n].axis),
  })),

  { id: 'view.zoomIn', label: 'action.zoom_in', group: 'view', keys: ['+'], repeats: true, perform: (a) => a.zoomBy(ZOOM_STEP) },
  { id: 'view.zoomOut', label: 'action.zoom_out', group: 'view', keys: ['-'], repeats: true, perform: (a) => a.zoomBy(1 / ZOOM_STEP) },
  { id: 'view.fit', label: 'action.fit', group: 'view', keys: ['='], perform: (a) => a.fit() },
  { id: 'view.rotate', label: 'action.rotate', group: 'view', keys: ['r'], perform: (a) => a.rotate() },
  { id: 'view.flipHorizontal', label: 'action.flip_horizontal', group: 'view', keys: ['h'], perform: (a) => a.flip('horizontal') },
  { id: 'view.flipVertical', label: 'action.flip_vertical', group: 'view', keys: ['v'], perform: (a) => a.flip('vertical') },
  { id: 'view.crosshair', label: 'action.crosshair', group: 'view', keys: ['Shift+K'], active: (a) => a.crosshair.value,
    perform: (a) => a.setCrosshair(!a.crosshair.value) },
  layout('One', 'one', 4),
  layout('Beside', 'beside', 5),
  layout('Four', 'four', 6),
  ...numbered(MOST_COMPANIONS, (n): Action => ({
    id: `view.series${n + 1}`, label: 'action.show_series', group: 'view', number: n, keys: SERIES_KEYS[n],
    when: (a) => n < a.panes.companions.others.length,
    active: (a) => a.panes.companions.isOpen(a.panes.companions.others[n]?.id ?? ''),
    perform: (a) => void a.panes.toggleSeries(a.panes.companions.others[n].id),
  })),
  { id: 'view.masksOverSeries', label: 'action.masks_over_series', group: 'view', keys: [], active: (a) => a.panes.companions.masksOver.value,
    when: (a) => a.panes.companions.open.value.length > 0, perform: ({ panes: { companions } }) => companions.setMasksOver(!companions.masksOver.value) },
  { id: 'view.magnifier', label: 'action.magnifier', group: 'view', keys: ['Shift+M'], active: (a) => a.magnifier.value,
    perform: (a) => a.setMagnifier(!a.magnifier.value) },
  { id: 'view.neurological', label: 'action.neurological', group: 'view', keys: ['Shift+V'], active: (a) => a.neurological.value,
    when: (a) => a.volume.sidesKnown, perform: (a) => a.setNeurological(!a.neurological.value) },
  { id: 'view.interpolate', label: 'action.interpolate', group: 'view', keys: ['y'], active: (a) => a.interpolated.value,
    perform: (a) => a.setInterpolated(!a.interpolated.value) },
  { id: 'view.reset', label: 'action.reset_view', group: 'view', keys: ['Space'], perform: (a) => a.resetView() },

  { id: 'window.auto', label: 'action.auto_window', group: 'window', keys: ['Alt+Digit0'], perform: (a) => a.autoWindow() },
  ...numbered(PRESET_KEYS, (n): Action => ({
    id: `window.preset${n + 1}`, label: 'action.window_preset', group: 'window', number: n, keys: [`Alt+Digit${n + 1}`],
    when: (a) => n < (a.panes.companions.looked ?? a).presets.length,
    active: (a) => a.presets[n]?.width === a.window.value.width && a.presets[n]?.center === a.window.value.center,
    perform: (a) => a.usePreset(n),
  })),
  { id: 'window.invert', label: 'action.invert', group: 'window', keys: ['i'], active: (a) => a.inverted.value,
    perform: (a) => a.invert() },

  { id: 'case.previous', label: 'action.previous_case', group: 'case', keys: ['PageUp'], perform: (_, page) => page.previousCase() },
  { id: 'case.next', label: 'action.next_case', group: 'case', keys: ['PageDown'], perform: (_, page) => page.nextCase() },
  { id: 'case.submit', label: 'action.submit', group: 'case', keys: ['Ctrl+Enter'], perform: (_, page) => page.submit() },
  { id: 'case.import_masks', label: 'action.import_masks', group: 'case', keys: [], perform: (_, page) => page.importMasks() },
  { id: 'case.measurements', label: 'action.measurements', group: 'case', keys: ['Shift+U'], perform: (_, page) => page.measurements() },
  { id: 'case.palette', label: 'action.palette', group: 'case', keys: ['Ctrl+k'], perform: (_, page) => page.palette() },
  { id: 'case.keys', label: 'action.keys', group: 'case', keys: [], perform: (_, page) => page.keys() },
  { id: 'case.help', label: 'action.help', group: 'case', keys: ['?', 'F1'], perform: (_, page) => page.help() },
]

/** The label that digit n + 1 chooses: the one that asks for the digit, else the one at that place that asks for none. */
export function labelOfKey(annotator: Annotator, n: number) {
  const labels = annotator.labels.value
  const digit = String(n + 1)
  return labels.find((label) => label.shortcut === digit) ?? (labels[n]?.shortcut ? undefined : labels[n])
}

export function isEnabled(action: Action, annotator: Annotator): boolean {
  return action.when?.(annotator) ?? true
}

export function actionById(id: string): Action {
  const action = ACTIONS.find((candidate) => candidate.id === id)
  if (action === undefined) throw new RangeError(`there is no action ${id}`)
  return action
}
