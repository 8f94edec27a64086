// How the page is built and served while developing. The API is another process (`sammed up`, port 8000); in
// development its paths are proxied so that the browser sees one origin, as it does in production.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { defineConfig, type Plugin } from 'vite'

const API = 'http://127.0.0.1:8000'

/** The files of the API's own page (`/api/docs`), handed out by us: an installation may have no way to a CDN. */
const apiDocs: Plugin = {
  name: 'api-docs',
  generateBundle() {
    for (const name of ['swagger-ui-bundle.js', 'swagger-ui.css', 'favicon-32x32.png']) {
      this.emitFile({ type: 'asset', fileName: `docs/${name}`, source: readFileSync(`node_modules/swagger-ui-dist/${name}`) })
    }
  },
}

/** The catalogue of labels, for programs: `sammed labels catalogue` reads what the page searches. */
const anatomyCatalogue: Plugin = {
  name: 'anatomy-catalogue',
  generateBundle() {
    const source = readFileSync('src/panels/anatomy_catalogue.json')
    this.emitFile({ type: 'asset', fileName: 'anatomy_catalogue.json', source })
  },
}

const BUDGET_BYTES = 150_000

/** Warns when the script that the annotate page loads before it works (gzip) exceeds the budget. */
const scriptBudget: Plugin = {
  name: 'script-budget',
  generateBundle(_, bundle) {
    const loaded = new Set<string>()
    const add = (name: string) => {
      const chunk = bundle[name]
      if (chunk?.type !== 'chunk' || loaded.has(name)) return
      loaded.add(name)
      chunk.imports.forEach(add)
    }
    for (const [name, chunk] of Object.entries(bundle)) {
      if (chunk.type === 'chunk' && (chunk.isEntry || chunk.name === 'annotate')) add(name)
    }
    const bytes = [...loaded].reduce((sum, name) => {
      const chunk = bundle[name]
      return chunk.type === 'chunk' ? sum + gzipSync(chunk.code, { level: 9 }).length : sum
    }, 0)
    if (bytes > BUDGET_BYTES) this.warn(`the annotate page loads ${bytes} bytes of script (gzip); the budget is ${BUDGET_BYTES}`)
  },
}

/** Beside every script and style its gzip, which the web server hands to browsers that take it. From the files as they are
 *  written: until then other parts of the build change them. */
const gzipped: Plugin = {
  name: 'gzipped',
  writeBundle({ dir }, bundle) {
    for (const name of Object.keys(bundle).filter((name) => /\.(js|css)$/.test(name))) {
      const path = join(dir!, name)
      writeFileSync(`${path}.gz`, gzipSync(readFileSync(path), { level: 9 }))
    }
  },
}

export default defineConfig({
  plugins: [apiDocs, anatomyCatalogue, scriptBudget, gzipped],
  build: {
    outDir: 'dist',
    emptyOutDir: true,
    target: 'es2023',
    modulePreload: { polyfill: false },
    rolldownOptions: {
      // What most pages share is one file: many small ones compress worse. The annotate page stays below BUDGET_BYTES.
      output: { codeSplitting: { groups: [{ name: 'shared', minShareCount: 5 }] } },
    },
  },
  server: {
    port: 5173,
    strictPort: true,
    proxy: { '/api': API, '/healthz': API, '/readyz': API, '/dicom-web': API },
  },
})
