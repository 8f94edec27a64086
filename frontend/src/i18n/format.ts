// Numbers, sizes, volumes and dates as the chosen language writes them. Pure: the language is an argument.

import type { Language } from './text.ts'

const LOCALE: Record<Language, string> = { en: 'en-GB', zh: 'zh-CN' }

const numberFormats = new Map<string, Intl.NumberFormat>() // making one takes a hundred times as long as using it

export function formatNumber(value: number, language: Language, fractionDigits = 0): string {
  const key = `${language} ${fractionDigits}`
  let format = numberFormats.get(key)
  if (format === undefined) {
    format = new Intl.NumberFormat(LOCALE[language], { minimumFractionDigits: fractionDigits, maximumFractionDigits: fractionDigits })
    numberFormats.set(key, format)
  }
  return format.format(value)
}

/** A volume of tissue with three significant figures below 100 ml and whole millilitres above. */
export function formatMillilitres(value_ml: number, language: Language): string {
  const digits = value_ml >= 100 ? 0 : value_ml >= 10 ? 1 : 2
  return `${formatNumber(value_ml, language, digits)} ml`
}

/** How much of an image something takes: a volume, or pixels where they have no size. */
export function formatExtent({ voxels, volumeMl }: { voxels: number; volumeMl: number }, sizesKnown: boolean, language: Language): string {
  return sizesKnown ? formatMillilitres(volumeMl, language) : `${formatNumber(voxels, language)} px`
}

/** A file's size in the unit that keeps it below 1000 (decimal units, as file managers show them). */
export function formatBytes(bytes: number, language: Language): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB']
  let value = bytes
  let unit = 0
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000
    unit += 1
  }
  return `${formatNumber(value, language, unit > 0 && value < 10 ? 1 : 0)} ${units[unit]}`
}

/** Day and month; the year only when it is not the present one. */
export function formatDate(iso: string, language: Language, now: Date): string {
  const date = new Date(iso)
  const sameYear = date.getFullYear() === now.getFullYear()
  return new Intl.DateTimeFormat(LOCALE[language], {
    day: 'numeric', month: 'short', ...(sameYear ? {} : { year: 'numeric' }),
  }).format(date)
}

/** Date and time of day, for titles and details. */
export function formatMoment(iso: string, language: Language): string {
  return new Intl.DateTimeFormat(LOCALE[language], { dateStyle: 'medium', timeStyle: 'short' }).format(new Date(iso))
}
