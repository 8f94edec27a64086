// The Markdown that reports are written in -> blocks to show. Only what those reports use: headings, paragraphs, tables,
// lists, pictures, and within a line emphasis and links. Anything else stays text; nothing becomes HTML.

export type Inline =
  | { readonly kind: 'text' | 'strong' | 'emphasis'; readonly text: string }
  | { readonly kind: 'link'; readonly text: string; readonly href: string }

export type Block =
  | { readonly kind: 'heading'; readonly level: number; readonly text: string }
  | { readonly kind: 'paragraph'; readonly inlines: readonly Inline[] }
  | { readonly kind: 'list'; readonly items: readonly (readonly Inline[])[] }
  | { readonly kind: 'picture'; readonly alt: string; readonly src: string }
  | { readonly kind: 'table'; readonly head: readonly string[]; readonly numeric: readonly boolean[]; readonly rows: readonly (readonly string[])[] }

const PICTURE = /^!\[([^\]]*)\]\(([^)\s]+)\)$/
const INLINE = /\*\*(.+?)\*\*|\*(.+?)\*|\[([^\]]+)\]\(([^)\s]+)\)/g
const RULE = /^\|(:?-+:?\|)+$/

export function parseReport(markdown: string): Block[] {
  return markdown.split(/\n{2,}/).map((part) => part.trim()).filter(Boolean).map(parseBlock)
}

function parseBlock(part: string): Block {
  const lines = part.split('\n')
  const heading = /^(#{1,6}) (.+)$/.exec(part)
  if (heading && lines.length === 1) return { kind: 'heading', level: heading[1].length, text: heading[2] }
  const picture = PICTURE.exec(part)
  if (picture) return { kind: 'picture', alt: picture[1], src: picture[2] }
  if (lines.length >= 2 && lines[0].startsWith('|') && RULE.test(lines[1])) return parseTable(lines)
  if (lines.every((line) => line.startsWith('- '))) return { kind: 'list', items: lines.map((line) => parseInlines(line.slice(2))) }
  return { kind: 'paragraph', inlines: parseInlines(lines.join(' ')) }
}

function parseTable([head, rule, ...rows]: readonly string[]): Block {
  const cells = (line: string) => line.replace(/^\||\|$/g, '').split('|').map((cell) => cell.trim())
  return { kind: 'table', head: cells(head), numeric: cells(rule).map((cell) => cell.endsWith(':')), rows: rows.map(cells) }
}

export function parseInlines(text: string): Inline[] {
  const found: Inline[] = []
  let from = 0
  for (const match of text.matchAll(INLINE)) {
    if (match.index > from) found.push({ kind: 'text', text: text.slice(from, match.index) })
    if (match[1] !== undefined) found.push({ kind: 'strong', text: match[1] })
    else if (match[2] !== undefined) found.push({ kind: 'emphasis', text: match[2] })
    else found.push({ kind: 'link', text: match[3], href: match[4] })
    from = match.index + match[0].length
  }
  if (from < text.length) found.push({ kind: 'text', text: text.slice(from) })
  return found
}
