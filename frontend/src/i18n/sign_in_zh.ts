// Chinese texts about signing in with the account of one's organisation.

import type { SignInTexts } from './sign_in_en.ts'

export const signInZh: SignInTexts = {
  with: (name) => `使用 ${name} 登录`,
  or: '或使用邮箱和密码',
  failedTitle: '您尚未登录',
  failed: {
    oidc_off: '这里没有配置登录服务。请使用邮箱和密码登录。',
    oidc_unavailable: '登录服务没有正常响应。请稍后重试；系统管理员可在日志中找到原因。',
    oidc_denied: '登录服务没有允许此次登录。请重试，或联系该服务的管理员。',
    oidc_refused: '登录服务返回了错误。请重试；如果仍然如此，请联系系统管理员。',
    oidc_stale: '登录耗时过长，或是在另一个浏览器中开始的。请在这里重新开始。',
    oidc_bad_identity: '登录服务的答复无法证明您的身份，因此未被接受。请重试；如果仍然如此，请告知系统管理员。',
    oidc_email: '登录服务没有您的已验证邮箱地址。请先在那里验证，然后重试。',
    oidc_person_unknown: '您在这里还没有账号。请让管理员或项目管理者用您的单位邮箱邀请您，然后重试。',
    oidc_other_identity: '使用您邮箱地址的账号属于另一个身份，可能是以前使用该地址的人。管理员可以为它生成新的登录链接，旧身份随即失效。',
    account_deactivated: '您的账号已停用。管理员可以重新启用它。',
    too_many_logins: '您的网络尝试次数过多。请等待五分钟。',
  },
  failedOther: '登录没有成功。请重试。',
  invitedTitle: (name) => `${name} 现在可以登录`,
  invitedDetail: (service) => `请把这个地址发给对方。对方使用 ${service} 登录，系统按邮箱地址识别。`,
  copyAddress: '复制地址',
  passwordTitle: '密码',
  noPassword: '您使用单位账号登录。自己的密码是另一种登录方式。',
  setPassword: '设置密码',
}
