/** Two people at their terminals: how they log in and what they see, for the tests of whole sessions. */
import { mkdir } from 'node:fs/promises';
import { expect } from 'chai';
import { openTerminal, type Terminal, type TerminalOptions } from '../support/terminal.js';
import { passwordOf, sharedEnvironment, type UserPlace, type World } from './world.js';

export interface UserTerminal extends AsyncDisposable {
  readonly terminal: Terminal;
  readonly place: UserPlace;
}

export interface UserTerminalOptions extends Pick<TerminalOptions, 'cols' | 'rows' | 'env' | 'command'> {
  /** `HOST:PORT`; the default is the tracker's, without its pin, as a person would type it. */
  readonly tracker?: string;
  readonly args?: readonly string[];
}

/** Opens a terminal of `user` that shows the login screen; relative paths start in the user's folder of files. */
export async function openUserTerminal(
  world: World,
  user: string,
  options: UserTerminalOptions = {},
): Promise<UserTerminal> {
  const place = world.place(user);
  await mkdir(place.home, { recursive: true });
  await mkdir(place.files, { recursive: true });
  const { tracker = `${world.tracker.host}:${world.tracker.port}`, args = [], ...screen } = options;
  const env = { ...(await sharedEnvironment()), ...options.env };
  const words = ['--tracker', tracker, '--data', place.data, '--downloads', place.downloads, ...args];
  const terminal = await openTerminal(words, { home: place.home, cwd: place.files, stty: true, ...screen, env });
  return { terminal, place, [Symbol.asyncDispose]: () => terminal[Symbol.asyncDispose]() };
}

/** Fills the login screen in; with `isNew` the tracker's fingerprint is shown, compared and trusted. */
export async function logInAt(
  terminal: Terminal,
  world: World,
  user: string,
  options: { isNew?: boolean; password?: string } = {},
): Promise<void> {
  const { isNew = true, password = passwordOf(user) } = options;
  await terminal.waitForText(/User/, { timeoutMs: 20_000 });
  terminal.type(`${user}\r`);
  await terminal.waitForText(new RegExp(`User\\s+${user}`));
  terminal.type(`${password}\r`);
  if (!isNew) return;
  await terminal.waitForText(/First contact/);
  expect(terminal.screen().join('').replaceAll(/\s/g, '')).to.include(world.tracker.pin.slice('sha256:'.length));
  terminal.type('yes\r');
}

/** Logs in and waits for the main screen. */
export async function enter(terminal: Terminal, world: World, user: string): Promise<void> {
  await logInAt(terminal, world, user);
  await terminal.waitForText(`Welcome to Shoal, ${user}.`);
}

/** Types a command and waits for what the screen says then. */
export async function say(
  terminal: Terminal,
  line: string,
  answer: RegExp | string,
  timeoutMs = 10_000,
): Promise<RegExpExecArray> {
  terminal.type(`${line}\r`);
  return terminal.waitForText(answer, { timeoutMs });
}

/** The terminal is given back: settings, cursor, screen. */
export async function expectGivenBack(terminal: Terminal): Promise<void> {
  const { before, after } = await terminal.stty();
  expect(after, 'stty -g').to.equal(before);
  expect(terminal.isCursorVisible, 'the cursor is shown').to.equal(true);
  expect(terminal.isAlternateScreen, 'the own screen is back').to.equal(false);
}
