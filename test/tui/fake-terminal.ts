// The terminal interface with a scripted peer, in a real terminal.
import { fileURLToPath } from 'node:url';
import { openTerminal, type Terminal, type TerminalOptions } from '../support/terminal.js';
import type { FakeProgramOptions } from './fake-program.js';

const PROGRAM = fileURLToPath(new URL('fake-program.js', import.meta.url));

/** Everything that a login needs, so that the main screen comes by itself. */
export const LOGGED_IN: FakeProgramOptions = { tracker: '127.0.0.1:7465', user: 'alice', typedPassword: 'secret' };

/** The scripted program from its start. */
export function openFake(script: FakeProgramOptions, options: TerminalOptions = {}): Promise<Terminal> {
  return openTerminal([JSON.stringify(script)], { command: [process.execPath, PROGRAM], ...options });
}

/** The scripted program once its main screen is there. */
export async function openMain(script: FakeProgramOptions = {}, options: TerminalOptions = {}): Promise<Terminal> {
  const terminal = await openFake({ ...LOGGED_IN, ...script }, options);
  await terminal.waitForText('● online');
  return terminal;
}

/** Types a line and ends it. */
export function enter(terminal: Terminal, line: string): void {
  terminal.type(line);
  terminal.press('enter');
}

/** Each frame that was drawn, as the bytes between its marks. */
export function framesOf({ recording }: Terminal): readonly string[] {
  return recording.text
    .split('\x1b[?2026h')
    .slice(1)
    .map((rest) => rest.split('\x1b[?2026l')[0] ?? '');
}
