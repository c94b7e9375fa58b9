/** The `result` events of commands, with the fields that tests look at. */
import { expect } from 'chai';
import type { GetResult, MadeLink, PublicationRow, TransferRow, UserRow } from '../../peer/api.js';
import type { CliResult } from '../support/program.js';

/** @throws when the command failed. */
export function resultOf<T extends object>(
  done: CliResult,
): T & { readonly event: 'result'; readonly command: string } {
  expect(done.code, `${done.stderr}${done.stdout}`).to.equal(0);
  expect(done.result, done.stdout).to.have.property('event', 'result');
  return done.result as unknown as T & { event: 'result'; command: string };
}

export function transferOf(done: CliResult): TransferRow {
  return resultOf<GetResult>(done).transfer;
}

export function publicationsOf(done: CliResult): readonly PublicationRow[] {
  return resultOf<{ publications: PublicationRow[] }>(done).publications;
}

export function usersOf(done: CliResult): readonly UserRow[] {
  return resultOf<{ users: UserRow[] }>(done).users;
}

export function linkOf(done: CliResult): MadeLink {
  return resultOf<{ link: MadeLink }>(done).link;
}

/** The code of the `error` event; exactly one such event must stand at the end. */
export function errorCodeOf(done: CliResult): unknown {
  const last = done.events.at(-1);
  expect(last, done.stdout).to.have.property('event', 'error');
  expect(done.events.filter(({ event }) => event === 'error' || event === 'result')).to.have.length(1);
  return last?.['code'];
}

/** People are told in one line, without a stack. */
export function expectOneLine(text: string): void {
  const lines = text.trimEnd().split('\n');
  expect(lines, text).to.have.length(1);
  expect(text).not.to.match(/^\s+at /m);
}

/** Bytes of a `transfer` event that are there for good. While a `.part` is checked the event counts what was looked at instead. */
export function fetchedBytes(event: object): number {
  if (!('transfer' in event)) return 0;
  const { state, doneBytes } = event.transfer as TransferRow;
  return state === 'checking' ? 0 : doneBytes;
}
