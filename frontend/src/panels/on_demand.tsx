// A page or a dialog whose code is fetched when it is first shown, so that the annotate page carries only what it needs.

import type { ComponentType } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { problem } from '../api/client.ts'
import { t } from '../i18n/text.ts'
import { ProblemNotice } from './problem_notice.tsx'

export function onDemand<Props extends object>(load: () => Promise<ComponentType<Props>>): ComponentType<Props> {
  let known: ComponentType<Props> | null = null
  return function OnDemand(props: Props) {
    const [state, setState] = useState<'waiting' | 'here' | { reason: string }>(known ? 'here' : 'waiting')
    useEffect(() => {
      if (known) return
      load().then((page) => { known = page; setState('here') }, (reason) => setState({ reason: String(reason) }))
    }, [])
    if (known) {
      const Page = known
      return <Page {...props} />
    }
    if (state === 'waiting' || state === 'here') return null
    const text = t().shell
    return (
      <div class="page-inner narrow">
        <ProblemNotice problem={problem('page_not_loaded', text.notLoadedTitle, state.reason)} onRetry={() => location.reload()} />
      </div>
    )
  }
}
