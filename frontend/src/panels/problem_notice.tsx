// A problem inside a page or a form: title, detail, hint and, where it helps, a button to try again.

import type { Problem } from '../api/types.ts'
import { inPageLanguage } from '../i18n/problems.ts'
import { t } from '../i18n/text.ts'
import { Icon } from './icon.tsx'
import { Sentence } from './sentence.tsx'

export function ProblemNotice({ problem: said, onRetry }: { problem: Problem; onRetry?: () => void }) {
  const problem = inPageLanguage(said) // of a job, it comes as the record has it
  return (
    <div class="notice alert" role="alert">
      <Icon name="warning" />
      <div>
        <h3>{problem.title}</h3>
        <p><Sentence text={problem.detail} /></p>
        {problem.hint && <p class="hint"><Sentence text={problem.hint} /></p>}
        {onRetry && (
          <div class="actions">
            <button type="button" class="button" onClick={onRetry}><Icon name="retry" />{t().common.retry}</button>
          </div>
        )}
      </div>
    </div>
  )
}
