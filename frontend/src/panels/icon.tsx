// The icon set: our own 20 x 20 line drawings, stroked with the text's colour. An icon is always decoration; the
// control around it carries the name. Names say what is drawn for an action, not which page uses it.

const SHAPES = {
  logo: () => <><circle cx="10" cy="10" r="7.25" /><path d="M4.6 12.6c2.4-3.4 4-3.4 5.6-1.3s3.2 1.6 5-1.6" /><circle cx="12.6" cy="7" r="1.1" fill="currentColor" stroke="none" /></>,
  // Things
  project: () => <><path d="M2.75 6.25a1.5 1.5 0 0 1 1.5-1.5h3.1l1.9 2h6.5a1.5 1.5 0 0 1 1.5 1.5v6a1.5 1.5 0 0 1-1.5 1.5H4.25a1.5 1.5 0 0 1-1.5-1.5z" /></>,
  picture: () => <><rect x="3" y="3" width="14" height="14" rx="2" /><circle cx="10" cy="10" r="4" /><path d="M10 6v8" /></>,
  user: () => <><circle cx="10" cy="7" r="3.25" /><path d="M3.75 17c.6-3.2 3.1-4.75 6.25-4.75S15.65 13.8 16.25 17" /></>,
  tag: () => <><path d="M3.25 3.25h6l7.5 7.5-6 6-7.5-7.5z" /><circle cx="6.75" cy="6.75" r="1" fill="currentColor" stroke="none" /></>,
  key: () => <><circle cx="6.75" cy="10" r="3.25" /><path d="M10 10h7M14.5 10v2.75" /></>,
  worker: () => <><rect x="5" y="5" width="10" height="10" rx="1.5" /><path d="M8 2.5V5m4-2.5V5m-4 10v2.5m4-2.5v2.5M2.5 8H5m-2.5 4H5m10-4h2.5M15 12h2.5" /></>,
  compare: () => <><circle cx="7.5" cy="10" r="4.75" /><circle cx="12.5" cy="10" r="4.75" /></>,
  file: () => <><path d="M5 2.75h6.25L15.25 6.75v10.5H5z" /><path d="M11 2.75V7h4.25" /></>,
  // Actions
  plus: () => <path d="M10 4v12M4 10h12" />,
  minus: () => <path d="M4 10h12" />,
  close: () => <path d="m5 5 10 10M15 5 5 15" />,
  check: () => <path d="m4 10.5 4 4 8-9" />,
  search: () => <><circle cx="8.75" cy="8.75" r="5" /><path d="m12.5 12.5 4.25 4.25" /></>,
  more: () => <path d="M4.5 10h.01M10 10h.01M15.5 10h.01" stroke-width="2.4" />,
  upload: () => <><path d="M10 13V3.5M6 7.25 10 3.25l4 4" /><path d="M3.25 12.5v3a1.5 1.5 0 0 0 1.5 1.5h10.5a1.5 1.5 0 0 0 1.5-1.5v-3" /></>,
  download: () => <><path d="M10 3v9.5M6 8.75l4 4 4-4" /><path d="M3.25 12.5v3a1.5 1.5 0 0 0 1.5 1.5h10.5a1.5 1.5 0 0 0 1.5-1.5v-3" /></>,
  trash: () => <><path d="M3.5 5.5h13M8 5.5V3.25h4V5.5M5.25 5.5l.75 11.25h8l.75-11.25" /></>,
  edit: () => <><path d="m3.5 16.5.75-3.5L13.5 3.75l2.75 2.75L7 15.75z" /></>,
  archive: () => <><path d="M3 4h14v3.5H3zM4.25 7.5v8.75h11.5V7.5M8 10.5h4" /></>,
  copy: () => <><rect x="7" y="7" width="9.75" height="9.75" rx="1.5" /><path d="M13 7V4.75a1.5 1.5 0 0 0-1.5-1.5H4.75a1.5 1.5 0 0 0-1.5 1.5v6.75a1.5 1.5 0 0 0 1.5 1.5H7" /></>,
  logout: () => <><path d="M8 3.25H4.75a1.5 1.5 0 0 0-1.5 1.5v10.5a1.5 1.5 0 0 0 1.5 1.5H8M8 10h9M13.5 6.5 17 10l-3.5 3.5" /></>,
  retry: () => <><path d="M16.25 10a6.25 6.25 0 1 1-1.9-4.5" /><path d="M16.5 3v3.5H13" /></>,
  undo: () => <><path d="M7 4 3.5 7.5 7 11" /><path d="M3.75 7.5H12a4.25 4.25 0 0 1 0 8.5H8" /></>,
  redo: () => <><path d="m13 4 3.5 3.5L13 11" /><path d="M16.25 7.5H8a4.25 4.25 0 0 0 0 8.5h4" /></>,
  reject: () => <><circle cx="10" cy="10" r="6.75" /><path d="m5.3 5.3 9.4 9.4" /></>,
  previous: () => <path d="M12.5 4 6.5 10l6 6" />,
  next: () => <path d="m7.5 4 6 6-6 6" />,
  down: () => <path d="m5 7.5 5 5 5-5" />,
  up: () => <path d="m5 12.5 5-5 5 5" />,
  // States
  eye: () => <><path d="M1.75 10C3.5 6.5 6.5 4.75 10 4.75S16.5 6.5 18.25 10c-1.75 3.5-4.75 5.25-8.25 5.25S3.5 13.5 1.75 10z" /><circle cx="10" cy="10" r="2.5" /></>,
  hidden: () => <><path d="M3.5 6.9A11 11 0 0 0 1.75 10c1.75 3.5 4.75 5.25 8.25 5.25 1.3 0 2.5-.25 3.6-.7M7.3 5.1A9 9 0 0 1 10 4.75c3.5 0 6.5 1.75 8.25 5.25-.5 1-1.1 1.85-1.8 2.55M3 3l14 14" /></>,
  warning: () => <><path d="M10 3 18 16.75H2z" /><path d="M10 8.25v4M10 14.5v.01" /></>,
  offline: () => <><path d="M2 7.5a12 12 0 0 1 4-2.3M9 4.3a12 12 0 0 1 9 3.2M5 11a7.5 7.5 0 0 1 3.5-2M12.5 9.5A7.5 7.5 0 0 1 15 11M10 15.5v.01M3 3l14 14" /></>,
  help: () => <><circle cx="10" cy="10" r="7.25" /><path d="M7.75 8a2.25 2.25 0 1 1 3.3 2c-.7.4-1.05.8-1.05 1.6M10 14.25v.01" /></>,
  // Tools of the viewer
  pan: () => <><path d="M10 2.75v14.5M2.75 10h14.5M7.75 5 10 2.75 12.25 5M7.75 15 10 17.25 12.25 15M5 7.75 2.75 10 5 12.25M15 7.75 17.25 10 15 12.25" /></>,
  zoom: () => <><circle cx="8.75" cy="8.75" r="5" /><path d="m12.5 12.5 4.25 4.25M6.75 8.75h4M8.75 6.75v4" /></>,
  window: () => <><circle cx="10" cy="10" r="6.75" /><path d="M10 3.25a6.75 6.75 0 0 1 0 13.5z" fill="currentColor" /></>,
  points: () => <><circle cx="10" cy="10" r="5.5" /><path d="M10 2v4M10 14v4M2 10h4M14 10h4" /><circle cx="10" cy="10" r="1" fill="currentColor" stroke="none" /></>,
  box: () => <><path d="M4 4h12v12H4z" stroke-dasharray="3 2" /><path d="M2.75 2.75h2.5v2.5h-2.5zM14.75 14.75h2.5v2.5h-2.5z" fill="currentColor" stroke="none" /></>,
  scribble: () => <><path d="M3 13.5c1.5-5 3-7 4.25-6.5s-1 6 .5 6.5 2.75-6.5 4.25-6-.75 5.25.75 5.75 2.5-2 3.75-4.25" /><path d="M14.5 3.25v4M12.5 5.25h4" /></>,
  encircle: () => <><ellipse cx="10" cy="10" rx="7" ry="6" stroke-dasharray="3 2" /><path d="M10 7.75v4.5M7.75 10h4.5" /></>,
  brush: () => <><path d="m9 11.5 6.75-8 1 .9-7.4 7.5z" /><path d="M8.9 11.4c-2.2-.2-3.5.9-3.8 2.6-.2 1.25-.75 2-2 2.5 3.4.9 7 .2 7.4-3z" /></>,
  eraser: () => <><path d="m3.25 12.5 8.5-8.75 5 5-7.5 7.75H6.5z" /><path d="m7.5 8.25 5 5M9 16.5h8" /></>,
  polygon: () => <><path d="M4.5 15.5 3.5 7l7-3.5 6 5-3 7.5z" /><circle cx="3.5" cy="7" r="1.25" fill="currentColor" stroke="none" /><circle cx="10.5" cy="3.5" r="1.25" fill="currentColor" stroke="none" /><circle cx="16.5" cy="8.5" r="1.25" fill="currentColor" stroke="none" /><circle cx="13.5" cy="16" r="1.25" fill="currentColor" stroke="none" /><circle cx="4.5" cy="15.5" r="1.25" fill="currentColor" stroke="none" /></>,
  lasso: () => <><path d="M4.5 11.5C1.5 8.5 3.5 4 9.5 3.5s8.5 3.5 7 6.5-7.5 4.5-11 2.5" /><path d="M6.5 12a1.75 1.75 0 1 1-2.2 2.7c-.6 1.3-.4 2.1.7 2.8" /></>,
  livewire: () => <><path d="M3.5 15.5c1-6 3.5-2.5 4.5-6s4-1 4.5-3.5 3-1 4-2.5" /><circle cx="3.5" cy="15.5" r="1.5" fill="currentColor" stroke="none" /><circle cx="8.5" cy="9" r="1.5" fill="currentColor" stroke="none" /><circle cx="16.5" cy="3.5" r="1.5" fill="currentColor" stroke="none" /></>,
  scissors: () => <><circle cx="5" cy="14.5" r="2.25" /><circle cx="15" cy="14.5" r="2.25" /><path d="M6.5 12.75 14 3M13.5 12.75 6 3" /></>,
  trace: () => <><path d="M10 3.5c4 0 6.5 2.5 6.5 6s-2.5 7-6.5 7-6.5-3-6.5-7 2.5-6 6.5-6z" stroke-dasharray="2 2" /><path d="M10 7.25c1.9 0 3 1 3 2.75s-1.1 3-3 3-3-1.25-3-3 1.1-2.75 3-2.75z" /></>,
  fill: () => <><path d="m8.5 3 6.5 6.5-5.5 5.5L3 8.5z" /><path d="M3.5 9h11M16.5 12.5c1 1.5 1.25 2.25 1.25 2.9a1.25 1.25 0 0 1-2.5 0c0-.65.25-1.4 1.25-2.9z" /></>,
  ruler: () => <><path d="m2.75 12.75 10-10 4.5 4.5-10 10z" /><path d="m6 9.5 1.5 1.5M8.25 7.25l2.25 2.25M10.5 5l1.5 1.5" /></>,
  angle: () => <><path d="M16.5 4 3.5 16h13" /><path d="M9 11a5.5 5.5 0 0 1 2.25 5" /></>,
  ellipse: () => <ellipse cx="10" cy="10" rx="7" ry="4.75" />,
  crosshair: () => <><path d="M10 2.5v5.5M10 12v5.5M2.5 10H8M12 10h5.5" /></>,
  fit: () => <><path d="M3 7V3h4M13 3h4v4M17 13v4h-4M7 17H3v-4" /></>,
  reset: () => <><path d="M3.75 10a6.25 6.25 0 1 0 1.9-4.5" /><path d="M3.5 3v3.5H7" /></>,
  history: () => <><path d="M3.75 10a6.25 6.25 0 1 0 1.9-4.5" /><path d="M3.5 3v3.5H7M10 6.5V10l2.5 1.75" /></>,
  rotate: () => <><path d="M14.5 5.5A6.25 6.25 0 1 0 16.25 10" /><path d="M15 2v4h-4" /></>,
  flip: () => <><path d="M10 2.5v15" stroke-dasharray="2 2" /><path d="M7.5 6v8.5H2.5zM12.5 6v8.5h5z" /></>,
  invert: () => <><rect x="3.25" y="3.25" width="13.5" height="13.5" rx="2" /><path d="M16.75 3.25v13.5H3.25z" fill="currentColor" /></>,
  play: () => <path d="M6 3.75v12.5L16 10z" />,
  slices: () => <><path d="m10 3 7.25 3.5L10 10 2.75 6.5z" /><path d="m2.75 10 7.25 3.5L17.25 10M2.75 13.5 10 17l7.25-3.5" /></>,
  pattern: () => <><rect x="3" y="3" width="14" height="14" rx="1.5" /><path d="M6.5 6.5h.01M10 6.5h.01M13.5 6.5h.01M6.5 10h.01M10 10h.01M13.5 10h.01M6.5 13.5h.01M10 13.5h.01M13.5 13.5h.01" stroke-width="2" /></>,
  layoutOne: () => <rect x="3" y="3" width="14" height="14" rx="1.5" />,
  layoutBeside: () => <><rect x="3" y="3" width="14" height="14" rx="1.5" /><path d="M12 3v14M12 10h5" /></>,
  layoutFour: () => <><rect x="3" y="3" width="14" height="14" rx="1.5" /><path d="M10 3v14M3 10h14" /></>,
  settings: () => <><path d="M3 6h7.5M14.5 6H17M3 14h2.5M9.5 14H17" /><circle cx="12.5" cy="6" r="2" /><circle cx="7.5" cy="14" r="2" /></>,
} as const

export type IconName = keyof typeof SHAPES

export function Icon({ name, size = 20 }: { name: IconName; size?: number }) {
  return (
    <svg class="icon" width={size} height={size} viewBox="0 0 20 20" fill="none" stroke="currentColor" stroke-width="1.5"
      stroke-linecap="round" stroke-linejoin="round" aria-hidden="true" focusable="false">
      {SHAPES[name]()}
    </svg>
  )
}
