// How long a personal token lives.

const DAY_MS = 86_400_000
export const LIFE_DAYS = { days30: 30, days90: 90, year: 365, never: null } as const
export type TokenLife = keyof typeof LIFE_DAYS

/** When a token made at `now` ends, or null for one that does not. */
export function expiryOf(life: TokenLife, now: Date): string | null {
  const days = LIFE_DAYS[life]
  return days === null ? null : new Date(now.getTime() + days * DAY_MS).toISOString()
}
