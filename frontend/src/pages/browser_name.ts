// A browser's name as people say it, from what it calls itself.

const BROWSERS: ReadonlyArray<readonly [RegExp, string]> = [
  [/\bEdg\//, 'Edge'], [/\bOPR\//, 'Opera'], [/\bFirefox\//, 'Firefox'], [/\b(?:Chrome|Chromium|HeadlessChrome)\//, 'Chrome'], [/\bSafari\//, 'Safari'],
]
const SYSTEMS: ReadonlyArray<readonly [RegExp, string]> = [
  [/Android/, 'Android'], [/iPhone|iPad/, 'iOS'], [/Windows/, 'Windows'], [/Mac OS X/, 'macOS'], [/Linux/, 'Linux'],
]

/** "Firefox · Windows", the beginning of what an unknown program sends, or null when it sends nothing. */
export function browserName(agent: string): string | null {
  const find = (table: typeof BROWSERS): string | undefined => table.find(([sign]) => sign.test(agent))?.[1]
  const parts = [find(BROWSERS), find(SYSTEMS)].filter((part) => part !== undefined)
  return parts.length > 0 ? parts.join(' · ') : agent.slice(0, 40) || null
}
