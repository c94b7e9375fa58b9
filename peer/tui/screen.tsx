/** Puts the application on the terminal with Ink; the one place that starts Ink. */

import type { ReadStream } from 'node:tty';
import { render } from 'ink';
import { App } from './app.js';
import type { AppModel } from './app-model.js';
import type { FrameOutput } from './frame-output.js';
import { COLOURS, NO_COLOURS } from './theme.js';

export interface ScreenOptions {
  readonly model: AppModel;
  readonly stdin: ReadStream;
  readonly output: FrameOutput;
  readonly noColor: boolean;
}

/**
 * `changes.ts` sets the pace, at most ten frames a second. Ink's own limit must lie well above it: two of nearly the same length
 * hold frames back and then let two go at once.
 */
const MAX_FRAMES_PER_SECOND = 60;

export interface Screen {
  /** Lays everything out for the terminal's present size. */
  resize(): void;
  /** Gives the terminal back as it was. */
  close(): void;
  /** Rejects when drawing failed. */
  readonly closed: Promise<unknown>;
}

export function openScreen({ model, stdin, output, noColor }: ScreenOptions): Screen {
  const theme = noColor ? NO_COLOURS : COLOURS;
  const app = () => <App model={model} size={output.size} theme={theme} />;
  const ink = render(app(), {
    stdin,
    // Ink asks no more of its output than this: writes, the size, and to be told of a new one.
    stdout: output as unknown as NodeJS.WriteStream,
    stderr: output as unknown as NodeJS.WriteStream,
    exitOnCtrlC: false,
    patchConsole: false,
    maxFps: MAX_FRAMES_PER_SECOND,
    incrementalRendering: true,
    alternateScreen: true,
    interactive: true,
    isScreenReaderEnabled: false,
  });
  return {
    resize: () =>
      output.adoptSize(() => {
        model.resize(output.size);
        ink.rerender(app());
        output.emit('resize');
        ink.clear();
      }),
    close: () => ink.unmount(),
    closed: ink.waitUntilExit(),
  };
}
