import { join } from 'node:path';

import type { Host } from './host.js';

/** Where this platform keeps a program's own state when nobody says `--data`. */
export function stateFolder({ env, home, platform }: Host): string {
  if (platform === 'win32') return join(env['LOCALAPPDATA'] || join(home, 'AppData', 'Local'), 'Shoal');
  if (platform === 'darwin') return join(home, 'Library', 'Application Support', 'Shoal');
  // The XDG specification says that a relative value must be ignored.
  const state = env['XDG_STATE_HOME'];
  return join(state?.startsWith('/') ? state : join(home, '.local', 'state'), 'shoal');
}
