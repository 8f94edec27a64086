// An event of the log in words.

/** The facts of an event in one line; of a change, what was and what is. */
export function describe(detail: Readonly<Record<string, unknown>>, names: Readonly<Record<string, string>>): string {
  const say = (value: unknown): string => (value === null ? '–' : typeof value === 'object' ? JSON.stringify(value) : names[String(value)] ?? String(value))
  return Object.entries(detail).map(([name, value]) =>
    Array.isArray(value) && value.length === 2 ? `${name}: ${say(value[0])} → ${say(value[1])}` : `${name}: ${say(value)}`).join(' · ')
}
