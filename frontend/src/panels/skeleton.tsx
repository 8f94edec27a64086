// Grey rows in the place of a table that is on its way, so that nothing jumps when it comes.

import { t } from '../i18n/text.ts'

export function TableSkeleton({ rows }: { rows: number }) {
  return (
    <div class="card" role="status" aria-label={t().common.loading}>
      {Array.from({ length: rows }, (_, row) => (
        <div key={row} class="skeleton-row"><span class="skeleton" /><span class="skeleton" /><span class="skeleton" /></div>
      ))}
    </div>
  )
}
