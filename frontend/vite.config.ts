// How the page is built and served while developing. The API is another process (`sammed up`, port 8000); in
// development its paths are proxied so that the browser sees one origin, as it does in production.
import { defineConfig } from 'vite'

const API = 'http://127.0.0.1:8000'

export default defineConfig({
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
