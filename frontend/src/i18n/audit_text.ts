// The texts of the log in the language of the page. Reading them inside a component subscribes it.

import { auditEn, type AuditTexts } from './audit_en.ts'
import { auditZh } from './audit_zh.ts'
import { language, type Language } from './text.ts'

export const AUDIT_TEXTS: Readonly<Record<Language, AuditTexts>> = { en: auditEn, zh: auditZh }

export const auditTexts = (): AuditTexts => AUDIT_TEXTS[language.value]
