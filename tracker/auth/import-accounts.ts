import type { Clock } from '../../common/runtime/clock.js';
import type { Store } from '../store/store.js';
import type { Credential } from './credentials-file.js';
import type { PasswordHasher } from './crypto-process.js';

/** Hashes at once: as many as the hasher works on. */
const BATCH = 2;
/** Whose hash is given are stored at once. */
const HASHED_BATCH = 1_000;

interface Importing {
  readonly store: Store;
  readonly hasher: PasswordHasher;
  readonly clock: Clock;
}

/** Adds the users that the store has never seen, and returns their names; all others stay as they are. */
export async function importAccounts(
  credentials: readonly Credential[],
  { store, hasher, clock }: Importing,
): Promise<string[]> {
  const unseen = new Set(await store.unseenUsers(credentials.map(({ user }) => user)));
  const fresh = credentials.filter(({ user }) => unseen.has(user));
  const isHashed = ({ secret }: Credential): boolean => 'passwordHash' in secret;
  const batches = [
    ...batchesOf(fresh.filter(isHashed), HASHED_BATCH),
    ...batchesOf(
      fresh.filter((each) => !isHashed(each)),
      BATCH,
    ),
  ];
  const added: string[] = [];
  for (const batch of batches) {
    const accounts = await Promise.all(
      batch.map(async ({ user, secret }) => ({
        user,
        at: Math.floor(clock.now()),
        passwordHash: 'passwordHash' in secret ? secret.passwordHash : await hasher.hash(secret.password),
      })),
    );
    added.push(...(await store.addAccounts(accounts)));
  }
  return added;
}

function batchesOf<T>(items: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, index) =>
    items.slice(index * size, (index + 1) * size),
  );
}
