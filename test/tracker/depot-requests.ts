// Users and depots of one tracker, and what they ask it about stored copies.
import { expect } from 'chai';
import type { RawTcp } from './raw-client.js';
import { publishOf, type RawReply, type RawUser, request, userOf } from './raw-messages.js';
import { TestTracker, type TestTrackerOptions } from './test-tracker.js';

export const FILE = 'ab'.repeat(32);
export const OTHER_FILE = 'cd'.repeat(32);
export const NOWHERE = 'x'.repeat(21);
/** What `publishOf` says of every file. */
export const SIZE = 1_000;

export class DepotTracker implements AsyncDisposable {
  private constructor(readonly tracker: TestTracker) {}

  static async start(putQuotaBytes?: number, more: Partial<TestTrackerOptions> = {}): Promise<DepotTracker> {
    const users = ['alice', 'bob', 'carol', 'cellar', 'attic'];
    const quota = putQuotaBytes === undefined ? {} : { putQuotaBytes };
    return new DepotTracker(await TestTracker.start({ users, ...quota, ...more }));
  }

  async depot(of: string | RawUser, capacity = 10 * SIZE): Promise<RawTcp> {
    const user = typeof of === 'string' ? userOf(of) : of;
    await this.tracker.store.appointDepot(user.user, true, Date.now());
    const { client } = await this.tracker.enterTcp(user);
    expect(await client.ask(request('depot', { capacity }))).to.have.property('ok', true);
    return client;
  }

  async enter(user: string, ...names: string[]): Promise<RawTcp> {
    const { client } = await this.tracker.enterTcp(user);
    if (names.length > 0) await client.ask(publishOf(...names));
    return client;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.tracker[Symbol.asyncDispose]();
  }
}

/** The depots of each name, or why there are none. */
export async function put(client: RawTcp, fields: object): Promise<(string | string[])[]> {
  const { results } = await client.ask(request('put', fields));
  return (results as { ok: boolean; copies: { depot: string }[]; error: { code: string } }[]).map((result) =>
    result.ok ? result.copies.map((copy) => copy.depot) : result.error.code,
  );
}

export async function work(client: RawTcp, fields: object = {}): Promise<Record<string, unknown>[]> {
  return (await client.ask(request('work', fields)))['work'];
}

export async function idOf(client: RawTcp, name = 'plan'): Promise<string> {
  const found = await client.ask(request('search', { text: name, exact: true, all: true, mine: true }));
  return found['publications'][0]?.publicationId ?? NOWHERE;
}

export function stored(client: RawTcp, publicationId: string, fields: object = {}): Promise<RawReply> {
  return client.ask(request('stored', { publicationId, fileId: FILE, has: 'all', ...fields }));
}

export async function sources(client: RawTcp, publicationId: string): Promise<string[]> {
  const reply = await client.ask(request('sources', { publicationId, ticket: false }));
  return reply.ok ? (reply['sources'] as { user: string }[]).map(({ user }) => user) : [String(reply.error?.code)];
}

/** `ok`, or the code. */
export async function del(client: RawTcp, publicationId: string, fields: object = {}): Promise<string> {
  const reply = await client.ask(request('del', { publicationId, ...fields }));
  return reply.ok ? 'ok' : String(reply.error?.code);
}
