import assert from 'node:assert/strict'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { test } from 'node:test'

const SOURCE = resolve(import.meta.dirname, '../src')

/** Folder -> what it may import besides itself. Names with @ or letters only are packages. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  viewer: ['@preact/signals-core'],
  api: ['@preact/signals-core', 'viewer/windowing.ts'],
  annotate: ['@preact/signals-core', 'viewer', 'api'],
  i18n: ['@preact/signals', '@preact/signals-core'],
  panels: ['preact', 'preact/hooks', '@preact/signals', '@preact/signals-core', 'viewer', 'api', 'annotate', 'i18n'],
  pages: ['preact', 'preact/hooks', '@preact/signals', '@preact/signals-core', 'viewer', 'api', 'annotate', 'i18n', 'panels'],
}

/** `import ... from 'x'` on one line or several, and `import('x')`. */
const IMPORT = /(?:^(?:import|export)\b[^'\n]* from |^\} from |\bimport\()'([^'\n]+)'/gm

function files(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((name) => join(folder, name)).filter((path) => statSync(path).isFile() && /\.tsx?$/.test(path))
}

test('imports point one way', () => {
  const wrong: string[] = []
  for (const [folder, allowed] of Object.entries(MAY_IMPORT)) {
    for (const path of files(join(SOURCE, folder))) {
      for (const [, imported] of readFileSync(path, 'utf8').matchAll(IMPORT)) {
        const target = imported.startsWith('.') ? relative(SOURCE, resolve(dirname(path), imported)) : imported
        const fine = target.startsWith(`${folder}/`) || allowed.some((name) => target === name || target.startsWith(`${name}/`) && !name.startsWith('@') && name !== 'preact')
        if (!fine) wrong.push(`${relative(SOURCE, path)} imports ${target}`)
      }
    }
  }
  assert.deepEqual(wrong, [])
})

test('canvases are drawn on in one folder of the viewer', () => {
  const drawing = files(join(SOURCE, 'viewer')).filter((path) => /getContext\(|CanvasRenderingContext2D/.test(readFileSync(path, 'utf8')))
  assert.deepEqual(drawing.map((path) => dirname(relative(SOURCE, path))).filter((folder) => folder !== 'viewer/canvas'), [])
  assert.ok(drawing.length > 0)
})
