// The members of a project and their roles.

import { useId, useState } from 'preact/hooks'
import type { Member, MemberInvitation, Project } from '../api/project_types.ts'
import type { Page, Problem } from '../api/types.ts'
import { t } from '../i18n/text.ts'
import { team } from '../i18n/team.ts'
import { takeFocus } from '../panels/focus.ts'
import { Icon } from '../panels/icon.tsx'
import { LoginLink } from '../panels/login_link.tsx'
import { ProblemNotice } from '../panels/problem_notice.tsx'
import { Sentence } from '../panels/sentence.tsx'
import { TableSkeleton } from '../panels/skeleton.tsx'
import { useApp } from './app_state.ts'
import { may, ROLES, type Role } from './permissions.ts'
import { useLoaded } from './use_loaded.ts'
import { useSignInService } from './use_sign_in_service.ts'
import { roleHelp, roleName } from './words.ts'

export function ProjectMembers({ project }: { project: Project }) {
  const { api, session, toasts } = useApp()
  const text = t().members
  const path = `/api/projects/${project.id}/members`
  const members = useLoaded<Page<Member>>((signal) => api.get(path, { signal }), [path])
  const [problem, setProblem] = useState<Problem | null>(null)
  const [fresh, setFresh] = useState<{ name: string; invitation: MemberInvitation } | null>(null)
  const service = useSignInService()
  const manages = may(project.role, 'manage') && !project.archived

  /** Adds a member, changes a role, or removes with null. */
  async function set(email: string, role: Role | null): Promise<Added> {
    const answer = await api.post<Page<Member>>(path, { json: { email, role } })
    const unknown = answer.error?.code === 'user_not_found'
    setProblem(unknown ? null : answer.error ?? null)
    if (answer.error) await members.reload() // a refused choice goes back to what is so
    else members.put(answer.data)
    return unknown ? 'unknown' : answer.error ? 'refused' : 'added'
  }
  async function remove({ email, name }: Member['user']): Promise<void> {
    if (await set(email, null) === 'added') toasts.say(team().members.left(name), team().members.leftHint)
  }
  async function invite(email: string, name: string, role: Role): Promise<boolean> {
    const answer = await api.post<MemberInvitation>(`/api/projects/${project.id}/invitations`, { json: { email, name, role } })
    setProblem(answer.error ?? null)
    if (answer.error) return false
    setFresh({ name, invitation: answer.data })
    await members.reload()
    return true
  }

  return (
    <div class="stack tab-body">
      {manages && <AddMember onAdd={set} onInvite={invite} />}
      {fresh && <LoginLink service={service} name={fresh.name} token={fresh.invitation.token} expiresAt={fresh.invitation.expires_at} onCopied={() => toasts.say(t().common.copied)} />}
      {problem && <ProblemNotice problem={problem} />}
      {members.problem && <ProblemNotice problem={members.problem} onRetry={members.reload} />}
      {!members.value && !members.problem && <TableSkeleton rows={2} />}
      {members.value && (
        <ul class="card rows">
          {members.value.items.map(({ user, role }) => (
            <li key={user.id} class="person-row">
              <Icon name="user" />
              <div class="person">
                <p>{user.name}{user.id === session.me.value?.id && <span class="faint"> ({text.you})</span>}</p>
                <p class="soft">{user.email}</p>
              </div>
              <span class="soft role-help">{roleHelp(role)}</span>
              {manages
                ? (
                  <>
                    <select class="select role-select" aria-label={text.roleOf(user.name)} value={role}
                      onChange={(event) => void set(user.email, event.currentTarget.value as Role)}>
                      {ROLES.map((id) => <option key={id} value={id}>{roleName(id)}</option>)}
                    </select>
                    <button type="button" class="icon-button" aria-label={text.remove(user.name)} title={text.remove(user.name)} onClick={() => void remove(user)}><Icon name="trash" /></button>
                  </>
                )
                : <span>{roleName(role)}</span>}
            </li>
          ))}
        </ul>
      )}
    </div>
  )
}

/** `unknown`: there is no account with this address. */
type Added = 'added' | 'refused' | 'unknown'

interface AddMemberProps {
  onAdd: (email: string, role: Role) => Promise<Added>
  onInvite: (email: string, name: string, role: Role) => Promise<boolean>
}

function AddMember({ onAdd, onInvite }: AddMemberProps) {
  const text = t().members
  const [email, setEmail] = useState('')
  const [name, setName] = useState('')
  const [unknown, setUnknown] = useState<string | null>(null)
  const [role, setRole] = useState<Role>('annotator')
  const id = useId()
  async function submit(event: Event): Promise<void> {
    event.preventDefault()
    const address = email.trim()
    const done = unknown === address ? await onInvite(address, name.trim(), role) : await add(address)
    if (!done) return
    setEmail('')
    setName('')
    setUnknown(null)
  }
  async function add(address: string): Promise<boolean> {
    const outcome = await onAdd(address, role)
    setUnknown(outcome === 'unknown' ? address : null)
    return outcome === 'added'
  }
  const inviting = unknown !== null && unknown === email.trim()
  return (
    <form class="inline-form" onSubmit={submit}>
      <div class="field grow">
        <label class="name" for={`${id}e`}>{text.email}</label>
        <input id={`${id}e`} class="input" type="email" required value={email} aria-describedby={`${id}h`}
          onInput={(event) => setEmail(event.currentTarget.value)} />
      </div>
      <div class="field">
        <label class="name" for={`${id}r`}>{text.role}</label>
        <select id={`${id}r`} class="select role-select" value={role} onChange={(event) => setRole(event.currentTarget.value as Role)}>
          {ROLES.map((name) => <option key={name} value={name}>{roleName(name)}</option>)}
        </select>
      </div>
      {inviting && (
        <div class="field grow">
          <label class="name" for={`${id}n`}>{team().members.name}</label>
          <input id={`${id}n`} ref={takeFocus} class="input" required maxLength={120} value={name} onInput={(event) => setName(event.currentTarget.value)} />
        </div>
      )}
      <button class="button"><Icon name="plus" />{inviting ? team().members.invite : text.add}</button>
      <p id={`${id}h`} class="hint faint" aria-live="polite">{inviting ? team().members.inviteHint(unknown) : <Sentence text={text.hint} />}</p>
    </form>
  )
}
