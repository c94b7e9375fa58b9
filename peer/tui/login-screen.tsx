import { FrameView } from './frame-view.js';
import { frameHeight } from './geometry.js';
import { loginFrame } from './login-frame.js';
import type { LoginState } from './login-model.js';
import type { ScreenSize } from './main-state.js';

/** Fields for tracker, user and password, and what the login has to say or to ask. */
export function LoginScreen({ state, size }: { readonly state: LoginState; readonly size: ScreenSize }) {
  return <FrameView frame={loginFrame(state, size)} height={frameHeight(size)} />;
}
