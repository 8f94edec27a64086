// A report as a part of a page: its headings below the page's own, tables that scroll sideways, pictures on white.

import { parseReport, type Block, type Inline } from './report_blocks.ts'

/** `fileHref` gives the address of a file that the report names, or null for one that it does not consist of. */
export function ReportText({ markdown, fileHref }: { markdown: string; fileHref: (name: string) => string | null }) {
  return <>{parseReport(markdown).map((block, index) => <ReportBlock key={index} block={block} fileHref={fileHref} />)}</>
}

function ReportBlock({ block, fileHref }: { block: Block; fileHref: (name: string) => string | null }) {
  switch (block.kind) {
    case 'heading': {
      const Heading = block.level === 1 ? 'h3' : block.level === 2 ? 'h4' : 'h5'
      return <Heading>{block.text}</Heading>
    }
    case 'picture': {
      const src = fileHref(block.src)
      return src === null ? null : <img class="plot" src={src} alt={block.alt} loading="lazy" />
    }
    case 'list': return <ul class="bullets">{block.items.map((item, index) => <li key={index}><Inlines inlines={item} fileHref={fileHref} /></li>)}</ul>
    case 'paragraph': return <p><Inlines inlines={block.inlines} fileHref={fileHref} /></p>
    case 'table': return (
      // Focusable, so that the keyboard can scroll what does not fit.
      <div class="table-scroll" role="region" tabIndex={0} aria-label={block.head.filter(Boolean).join(', ')}>
        <table class="table figures">
          <thead><tr>{block.head.map((cell, n) => <th key={n} scope="col" class={block.numeric[n] ? 'number' : undefined}>{cell}</th>)}</tr></thead>
          <tbody>
            {block.rows.map((row, index) => (
              <tr key={index}>{row.map((cell, n) => <td key={n} class={block.numeric[n] ? 'number' : undefined}>{cell}</td>)}</tr>
            ))}
          </tbody>
        </table>
      </div>
    )
  }
}

function Inlines({ inlines, fileHref }: { inlines: readonly Inline[]; fileHref: (name: string) => string | null }) {
  return (
    <>
      {inlines.map((inline, index) => {
        if (inline.kind === 'strong') return <strong key={index}>{inline.text}</strong>
        if (inline.kind === 'emphasis') return <em key={index}>{inline.text}</em>
        const href = inline.kind === 'link' ? fileHref(inline.href) : null
        return href === null ? <span key={index}>{inline.text}</span> : <a key={index} href={href} download>{inline.text}</a>
      })}
    </>
  )
}
