/** Accounts, devices and mutations for tests of the store. */
import { createHash } from 'node:crypto';
import type { Change, Mutation, MutationOutcome, PublishEntry, SearchQuery, Store } from '../../tracker/store/store.js';

export const NOW = Date.UTC(2030, 0, 1);
export const deviceOf = (name: string): string => createHash('sha256').update(name).digest('hex');
export const fileIdOf = (content: string): string => createHash('sha256').update(`content ${content}`).digest('hex');

let lastNumber = 0;
/** 21 characters, different every time. */
export function newId(): string {
  lastNumber += 1;
  return `id${String(lastNumber).padStart(19, '0')}`;
}

export function entry(name: string, content = name, more: Partial<PublishEntry> = {}): PublishEntry {
  return {
    name,
    fileId: fileIdOf(content),
    size: content.length,
    kind: 'file',
    replace: false,
    newId: newId(),
    ...more,
  };
}

export async function addUsers(store: Pick<Store, 'addAccounts'>, ...users: readonly string[]): Promise<void> {
  await store.addAccounts(users.map((user) => ({ user, passwordHash: `hash of ${user}`, at: NOW })));
}

/** A mutation under a request id of its own unless one is given. */
export function mutation(change: Change, more: Partial<Mutation> = {}): Mutation {
  return {
    session: 'session-1',
    user: 'user' in change ? change.user : 'alice',
    requestId: newId(),
    bodyHash: JSON.stringify(change).slice(0, 20),
    at: NOW,
    acks: [],
    change,
    ...more,
  };
}

interface Who {
  readonly user: string;
  readonly device?: string;
  readonly at?: number;
  readonly quota?: number;
  readonly session?: string;
}

/** Publishes in a session of its own, so that nothing waits for acknowledgement. */
export async function publish(
  store: Store,
  { user, device = deviceOf(user), at = NOW, quota = 1_000_000, session = newId() }: Who,
  ...entries: readonly PublishEntry[]
) {
  const outcome = await store.mutate(mutation({ type: 'publish', user, device, entries, quota }, { at, session }));
  return bodyOf(outcome) as { results: readonly PublishedResult[]; libraryRevision: number };
}

type PublishedResult = {
  ok: boolean;
  publicationId?: string;
  revision?: number;
  change?: string;
  error?: { code: string };
};

export async function unpublish(store: Store, user: string, ...names: readonly string[]) {
  const outcome = await store.mutate(
    mutation({ type: 'unpublish', user, device: deviceOf(user), names }, { session: newId() }),
  );
  return bodyOf(outcome) as { results: readonly PublishedResult[]; libraryRevision: number };
}

export function bodyOf(outcome: MutationOutcome): object {
  if (outcome.kind === 'refused') throw new Error(`the mutation was refused: ${outcome.code}`);
  return outcome.body;
}

export function query(text: string, more: Partial<SearchQuery> = {}): SearchQuery {
  return { viewer: 'alice', text, ignoreCase: false, exact: false, liveOnly: false, limit: 100, ...more };
}

export async function namesFound(store: Store, wanted: SearchQuery): Promise<string[]> {
  return (await store.search(wanted)).rows.map(({ name }) => name);
}

/** All pages of a search, `partial` ones included. */
export async function searchAll(store: Store, wanted: SearchQuery): Promise<string[]> {
  const names: string[] = [];
  for (let after = wanted.after; ; ) {
    const page = await store.search({ ...wanted, after });
    names.push(...page.rows.map(({ name }) => name));
    if (page.next === undefined) return names;
    after = page.next;
  }
}
