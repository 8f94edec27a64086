// Everybody with an account, for administrators: inviting by link, administrators, people who left, and the log.

import { useEffect, useId, useState } from 'preact/hooks'
import type { Invitation, PersonDetail } from '../api/project_types.ts'
import type { Page, Problem } from '../api/types.ts'
import { formatDate, formatMoment } from '../i18n/format.ts'
import { team } from '../i18n/team.ts'
import { language, t } from '../i18n/text.ts'
import { Dialog } from '../panels/dialog.tsx'
import { Icon } from '../panels/icon.tsx'
import { LoginLink } from '../panels/login_link.tsx'
import { Menu } from '../panels/menu.tsx'
import { ProblemNotice } from '../panels/problem_notice.tsx'
import { TableSkeleton } from '../panels/skeleton.tsx'
import { useApp } from './app_state.ts'
import { AuditList } from './audit_list.tsx'
import { Frame } from './frame.tsx'
import { hrefTo, type PeopleTab } from './router.ts'
import { useTitle } from './title.ts'
import { useSignInService } from './use_sign_in_service.ts'
import { usePaged } from './use_paged.ts'

const SEARCH_DELAY_MS = 200

export function PeoplePage({ tab }: { tab: PeopleTab }) {
  const text = team().people
  useTitle(text.title)
  return (
    <Frame crumbs={[{ label: text.title }]}>
      <div class="page-inner">
        <div class="page-head"><div class="titles"><h1>{text.title}</h1></div></div>
        <nav class="tabs" aria-label={text.title}>
          <a href={hrefTo.people()} aria-current={tab === 'accounts' ? 'page' : undefined}>{text.tabPeople}</a>
          <a href={hrefTo.people('log')} aria-current={tab === 'log' ? 'page' : undefined}>{text.tabAudit}</a>
        </nav>
        {tab === 'accounts' ? <Accounts /> : <AuditList projectId={null} />}
      </div>
    </Frame>
  )
}

interface FreshLink { readonly invitation: Invitation; readonly renewed: boolean }

function Accounts() {
  const { api, session, toasts } = useApp()
  const text = team().people
  const [typed, setTyped] = useState('')
  const [search, setSearch] = useState('')
  const [inviting, setInviting] = useState(false)
  const [fresh, setFresh] = useState<FreshLink | null>(null)
  const [problem, setProblem] = useState<Problem | null>(null)
  const service = useSignInService()
  useEffect(() => {
    const timer = setTimeout(() => setSearch(typed.trim()), SEARCH_DELAY_MS)
    return () => clearTimeout(timer)
  }, [typed])
  const people = usePaged<PersonDetail>((cursor, signal) =>
    api.get<Page<PersonDetail>>('/api/people', { query: { search: search || null, cursor, limit: 100 }, signal }), [search])

  async function change(person: PersonDetail, json: { is_admin?: boolean; active?: boolean }): Promise<void> {
    const answer = await api.patch<PersonDetail>(`/api/people/${person.id}`, { json })
    setProblem(answer.error ?? null)
    if (answer.error) return
    people.replace(({ id }) => id === person.id, answer.data)
    if (json.active === false) toasts.say(text.deactivated(person.name, answer.data.open_cases))
  }
  async function newLink(person: PersonDetail): Promise<void> {
    const answer = await api.post<Invitation>(`/api/people/${person.id}/link`)
    setProblem(answer.error ?? null)
    if (answer.data) setFresh({ invitation: answer.data, renewed: !person.invited })
    if (answer.data) people.replace(({ id }) => id === person.id, answer.data.person)
  }
  return (
    <div class="stack">
      <div class="filters">
        <div class="search-field grow">
          <Icon name="search" size={16} />
          <input class="input" type="search" placeholder={text.search} aria-label={text.search} value={typed} onInput={(event) => setTyped(event.currentTarget.value)} />
        </div>
        <span class="grow-all" />
        <button type="button" class="button primary" onClick={() => setInviting(true)}><Icon name="plus" />{text.invite}</button>
      </div>
      {problem && <ProblemNotice problem={problem} />}
      {fresh && (
        <LoginLink service={service} name={fresh.invitation.person.name} token={fresh.invitation.token} expiresAt={fresh.invitation.expires_at} renewed={fresh.renewed}
          onCopied={() => toasts.say(t().common.copied)} />
      )}
      {people.problem && <ProblemNotice problem={people.problem} onRetry={people.reload} />}
      {!people.items && !people.problem && <TableSkeleton rows={4} />}
      {people.items?.length === 0 && <p class="faint">{text.noMatch}</p>}
      {people.items && people.items.length > 0 && (
        <div class="card">
          <table class="table">
            <thead>
              <tr>
                <th scope="col">{text.columns.person}</th>
                <th scope="col" class="number tight">{text.columns.projects}</th>
                <th scope="col" class="number tight">{text.columns.open}</th>
                <th scope="col" class="tight">{text.columns.seen}</th>
                <th scope="col" class="tight"><span class="visually-hidden">{text.columns.actions}</span></th>
              </tr>
            </thead>
            <tbody>
              {people.items.map((person) => (
                <PersonRow key={person.id} person={person} isMe={person.id === session.me.value?.id}
                  onChange={(json) => void change(person, json)} onLink={() => void newLink(person)} />
              ))}
            </tbody>
          </table>
        </div>
      )}
      {people.more && <button type="button" class="button more" disabled={people.loadingMore} onClick={people.loadMore}>{t().common.loadMore}</button>}
      {inviting && (
        <InviteDialog onClose={() => setInviting(false)} onInvited={(invitation) => {
          setInviting(false)
          setProblem(null)
          setFresh({ invitation, renewed: false })
          void people.reload()
        }} />
      )}
    </div>
  )
}

interface PersonRowProps {
  person: PersonDetail
  isMe: boolean
  onChange: (json: { is_admin?: boolean; active?: boolean }) => void
  onLink: () => void
}

function PersonRow({ person, isMe, onChange, onLink }: PersonRowProps) {
  const text = team().people
  const seen = person.last_seen_at
  return (
    <tr>
      <td>
        <p class={person.active ? '' : 'faint'}>
          {person.name}{isMe && <span class="faint"> ({t().members.you})</span>}
          {' '}{person.is_admin && <span class="tag">{text.tagAdmin}</span>}
          {' '}{!person.active ? <span class="tag alert">{text.tagInactive}</span> : person.invited && <span class="tag">{text.tagInvited}</span>}
        </p>
        <p class="soft">{person.email}</p>
      </td>
      <td class="number tight">{person.projects}</td>
      <td class="number tight">{person.open_cases}</td>
      <td class="tight soft" title={seen ? formatMoment(seen, language.value) : undefined}>{seen ? formatDate(seen, language.value, new Date()) : text.never}</td>
      <td class="tight">
        <Menu label={text.menu(person.name)} button={<Icon name="more" />}>
          {person.active && <button type="button" role="menuitem" onClick={() => onChange({ is_admin: !person.is_admin })}>{person.is_admin ? text.takeAdmin : text.makeAdmin}</button>}
          {person.active && !isMe && <button type="button" role="menuitem" onClick={onLink}><Icon name="key" />{text.newLink}</button>}
          {!isMe && <hr />}
          {!isMe && <button type="button" role="menuitem" onClick={() => onChange({ active: !person.active })}>{person.active ? text.deactivate : text.activate}</button>}
        </Menu>
      </td>
    </tr>
  )
}

function InviteDialog({ onClose, onInvited }: { onClose: () => void; onInvited: (invitation: Invitation) => void }) {
  const { api } = useApp()
  const text = team().people
  const [name, setName] = useState('')
  const [email, setEmail] = useState('')
  const [isAdmin, setIsAdmin] = useState(false)
  const [problem, setProblem] = useState<Problem | null>(null)
  const id = useId()
  async function submit(): Promise<void> {
    const answer = await api.post<Invitation>('/api/people', { json: { name: name.trim(), email: email.trim(), is_admin: isAdmin } })
    setProblem(answer.error ?? null)
    if (answer.data) onInvited(answer.data)
  }
  const footer = (
    <>
      <button type="button" class="button" onClick={onClose}>{t().common.cancel}</button>
      <button class="button primary" disabled={name.trim() === '' || email.trim() === ''}>{text.inviteSubmit}</button>
    </>
  )
  return (
    <Dialog title={text.inviteTitle} onClose={onClose} onSubmit={() => void submit()} footer={footer}>
      <div class="stack">
        {problem && <ProblemNotice problem={problem} />}
        <div class="field">
          <label class="name" for={`${id}n`}>{text.name}</label>
          <input id={`${id}n`} class="input" autoFocus maxLength={120} value={name} onInput={(event) => setName(event.currentTarget.value)} />
        </div>
        <div class="field">
          <label class="name" for={`${id}e`}>{text.email}</label>
          <input id={`${id}e`} class="input" type="email" value={email} onInput={(event) => setEmail(event.currentTarget.value)} />
        </div>
        <label class="check"><input type="checkbox" checked={isAdmin} onChange={(event) => setIsAdmin(event.currentTarget.checked)} />{text.administrator}</label>
      </div>
    </Dialog>
  )
}
