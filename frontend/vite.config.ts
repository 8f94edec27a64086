// How the page is built and served while developing. The API is another process (`sammed up`, port 8000); in
// development its paths are proxied so that the browser sees one origin, as it does in production.
import { readFileSync } from 'node:fs'
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

export default defineConfig({
  plugins: [apiDocs],
  build: {
    outDir: 'dist',
    emptyOutDir: true,
    target: 'es2023',
    modulePreload: { polyfill: false },
  },
  server: {
    port: 5173,
    strictPort: true,
    proxy: { '/api': API, '/healthz': API, '/readyz': API, '/dicom-web': API },
  },
})
