// Starts the page: language, appearance, the shared parts, then the first render.

import './styles/index.css'

import { render } from 'preact'
import { startLanguage } from './i18n/text.ts'
import { startAppearance } from './pages/appearance.ts'
import { AppView } from './pages/app.tsx'
import { AppContext, createApp } from './pages/app_state.ts'
import { askForPage } from './pages/opening.ts'
import { keepFocus } from './panels/keep_focus.ts'

const app = createApp(window)
askForPage(app.early, app.router.route.peek())
startAppearance()
keepFocus(document)
await startLanguage()
render(
  <AppContext.Provider value={app}><AppView /></AppContext.Provider>,
  document.getElementById('app')!,
)
