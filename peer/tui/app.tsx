import { row } from '../wording/row.js';
import type { AppModel } from './app-model.js';
import { frameHeight } from './geometry.js';
import { LoginScreen } from './login-screen.js';
import { MainScreen } from './main-screen.js';
import type { ScreenSize } from './main-state.js';
import { RowsView } from './rows-view.js';
import { type Theme, ThemeContext } from './theme.js';
import { usePeer } from './use-peer.js';

export interface AppProps {
  readonly model: AppModel;
  readonly size: ScreenSize;
  readonly theme: Theme;
}

/** The screen that fits the state. */
export function App({ model, size, theme }: AppProps) {
  const state = usePeer(model);
  return (
    <ThemeContext value={theme}>
      {state.kind === 'login' ? <LoginScreen state={state.login} size={size} /> : undefined}
      {state.kind === 'main' ? <MainScreen state={state.main} size={size} /> : undefined}
      {state.kind === 'leaving' ? (
        <RowsView height={frameHeight(size)} rows={[row(' Logging out …', 'faint')]} />
      ) : undefined}
    </ThemeContext>
  );
}
