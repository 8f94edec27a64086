// English texts about signing in with the account of one's organisation.

export const signInEn = {
  with: (name: string) => `Sign in with ${name}`,
  or: 'or with e-mail and password',
  failedTitle: 'You are not signed in',
  /** By the code of what went wrong. */
  failed: {
    oidc_off: 'No sign-in service is configured here. Use your e-mail and password.',
    oidc_unavailable: 'The sign-in service does not answer as it should. Try again in a moment; who runs this installation finds the reason in its log.',
    oidc_denied: 'The sign-in service did not allow it. Try again, or ask who runs that service.',
    oidc_refused: 'The sign-in service answered with an error. Try again; if it stays so, ask who runs this installation.',
    oidc_stale: 'That took too long, or it was begun in another browser. Begin again here.',
    oidc_bad_identity: 'The answer of the sign-in service does not prove who you are, so it was not accepted. Try again; if it stays so, tell who runs this installation.',
    oidc_email: 'The sign-in service knows no verified e-mail address of you. Verify it there, then try again.',
    oidc_person_unknown: 'You have no account here yet. Ask an administrator or the manager of your project to invite you with the e-mail address of your organisation, then try again.',
    oidc_other_identity: 'The account with your e-mail address belongs to another identity, perhaps of somebody who had this address before. An administrator can make a new sign-in link for it, which forgets the old identity.',
    account_deactivated: 'Your account is deactivated. An administrator can activate it again.',
    too_many_logins: 'There were too many attempts from your network. Wait five minutes.',
  } as Readonly<Record<string, string>>,
  failedOther: 'Signing in did not work. Try again.',
  invitedTitle: (name: string) => `${name} can sign in now`,
  invitedDetail: (service: string) => `Send them this address. They sign in with ${service}, and are recognised by their e-mail address.`,
  copyAddress: 'Copy the address',
  passwordTitle: 'Password',
  noPassword: 'You sign in with the account of your organisation. A password of your own is a second way in.',
  setPassword: 'Set the password',
}

export type SignInTexts = Widened<typeof signInEn>
type Widened<T> = T extends string ? string
  : T extends (...values: infer V) => string ? (...values: V) => string
  : { readonly [K in keyof T]: Widened<T[K]> }
