/** The only bridge between the screen and what it shows: snapshots in, keys out. */
import { useInput, usePaste } from 'ink';
import { useSyncExternalStore } from 'react';
import type { AppModel, AppState } from './app-model.js';
import { keyStrokes } from './keys.js';

/** The latest state; the model hears every key and paste. */
export function usePeer(model: AppModel): AppState {
  useInput((input, key) => model.press(keyStrokes(input, key)));
  usePaste((text) => model.press([{ kind: 'text', text }]));
  return useSyncExternalStore(model.subscribe, model.state);
}
