// The document's title: the page first, because tabs are narrow.

import { useEffect } from 'preact/hooks'
import { t } from '../i18n/text.ts'

export function useTitle(...parts: Array<string | null | undefined>): void {
  const title = [...parts, t().common.appName].filter(Boolean).join(' – ')
  useEffect(() => { document.title = title }, [title])
}
