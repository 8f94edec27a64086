// Words of the server (roles, states) in the language of the page. A word that the page does not know is shown as it is.

import { t } from '../i18n/text.ts'

const lookUp = (table: Readonly<Record<string, string>>, word: string): string => table[word] ?? word

export const roleName = (role: string): string => lookUp(t().projects.role, role)
export const roleHelp = (role: string): string => lookUp(t().members.roleHelp, role)
export const stateName = (state: string): string => lookUp(t().project.states, state)
