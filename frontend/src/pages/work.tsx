// One's own queue over all projects: what is assigned and open, the most urgent first. N opens the first.

import { useLayoutEffect } from 'preact/hooks'
import type { WorkItem } from '../api/project_types.ts'
import type { Page } from '../api/types.ts'
import { team } from '../i18n/team.ts'
import { t } from '../i18n/text.ts'
import { Icon } from '../panels/icon.tsx'
import { ProblemNotice } from '../panels/problem_notice.tsx'
import { TableSkeleton } from '../panels/skeleton.tsx'
import { Thumbnail } from '../panels/thumbnail.tsx'
import { useApp } from './app_state.ts'
import { DueDate, PriorityMark } from './case_marks.tsx'
import { Frame } from './frame.tsx'
import { hrefTo } from './router.ts'
import { useTitle } from './title.ts'
import { usePaged } from './use_paged.ts'
import { stateName } from './words.ts'

export function WorkPage() {
  const { api, router } = useApp()
  const text = team().work
  useTitle(text.title)
  const work = usePaged<WorkItem>((cursor, signal) => api.get<Page<WorkItem>>('/api/me/work', { query: { cursor, limit: 50 }, signal }), [])
  const first = work.items?.[0]?.case.id

  useLayoutEffect(() => { // the page says "press N": it must listen as soon as that can be read
    if (first === undefined) return
    const onKey = (event: KeyboardEvent) => {
      const typing = (event.target as Element).closest('input, select, textarea, [role="menu"]')
      if (event.key.toLowerCase() === 'n' && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) router.navigate(hrefTo.annotate(first))
    }
    document.addEventListener('keydown', onKey)
    return () => document.removeEventListener('keydown', onKey)
  }, [first])

  const count = work.items?.length ?? 0
  return (
    <Frame crumbs={[{ label: text.title }]}>
      <div class="page-inner">
        <div class="page-head">
          <div class="titles">
            <h1>{text.title}</h1>
            {count > 0 && <p>{work.more ? text.more : text.lead(count)}</p>}
          </div>
          {first && <div class="actions"><a class="button primary" href={hrefTo.annotate(first)} title={`${text.open} (N)`}><Icon name="play" size={16} />{text.open}</a></div>}
        </div>
        {work.problem && <ProblemNotice problem={work.problem} onRetry={work.reload} />}
        {!work.items && !work.problem && <TableSkeleton rows={4} />}
        {work.items?.length === 0 && (
          <div class="empty card">
            <Icon name="check" size={40} />
            <h2>{text.emptyTitle}</h2>
            <p>{text.emptyDetail}</p>
            <div class="actions"><a class="button" href={hrefTo.projects()}>{t().shell.toProjects}</a></div>
          </div>
        )}
        {work.items && count > 0 && (
          <div class="card">
            <table class="table cases">
              <thead>
                <tr>
                  <th scope="col" class="tight"><span class="visually-hidden">{t().project.columns.picture}</span></th>
                  <th scope="col">{text.columns.case}</th>
                  <th scope="col">{text.columns.project}</th>
                  <th scope="col" class="tight">{text.columns.state}</th>
                  <th scope="col" class="tight">{text.columns.due}</th>
                  <th scope="col" class="tight">{text.columns.priority}</th>
                </tr>
              </thead>
              <tbody>{work.items.map((item) => <WorkRow key={item.case.id} item={item} />)}</tbody>
            </table>
          </div>
        )}
        {work.more && <button type="button" class="button more" disabled={work.loadingMore} onClick={work.loadMore}>{t().common.loadMore}</button>}
      </div>
    </Frame>
  )
}

function WorkRow({ item: { case: item, project_name } }: { item: WorkItem }) {
  const { api } = useApp()
  const volume = item.volumes[0]
  return (
    <tr class="open-row">
      <td class="tight picture-cell">{volume && <Thumbnail api={api} volumeId={volume.id} name={item.name} />}</td>
      <td class="case-name"><a class="row-link" href={hrefTo.annotate(item.id)}>{item.name}</a></td>
      <td class="soft">{project_name}</td>
      <td class="tight"><span class={item.state === 'returned' ? 'tag alert' : 'tag strong'} title={item.state === 'returned' ? team().work.returned : undefined}>{stateName(item.state)}</span></td>
      <td class="tight"><DueDate item={item} /></td>
      <td class="tight"><PriorityMark priority={item.priority} /></td>
    </tr>
  )
}
