// What a role may do, for showing or hiding controls. The server decides; this only keeps buttons that would be refused
// off the page. The same table as the server's.

export type Role = 'viewer' | 'annotator' | 'reviewer' | 'manager'
export type Action = 'view' | 'annotate' | 'upload' | 'export' | 'review' | 'manage'

export const ROLES: readonly Role[] = ['viewer', 'annotator', 'reviewer', 'manager']

const ALLOWED: Record<Role, readonly Action[]> = {
  viewer: ['view'],
  annotator: ['view', 'annotate'],
  reviewer: ['view', 'annotate', 'review', 'export'],
  manager: ['view', 'annotate', 'review', 'export', 'upload', 'manage'],
}

export function may(role: string | null | undefined, action: Action): boolean {
  return ROLES.some((known) => known === role) && ALLOWED[role as Role].includes(action)
}
