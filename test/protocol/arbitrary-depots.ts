/** Messages about stored copies, made at random. */
import fc, { type Arbitrary } from 'fast-check';
import { REMOVALS } from '../../common/protocol/depot-fields.js';
import { count, cursor, error, hex64, id, positive, publicationId, text, user } from './arbitrary-fields.js';

/** Fields that may be absent are: what an envelope and a page may have besides is tried with other types. */
function ask<const T extends string, F extends object>(type: T, fields: F, optional: readonly string[] = []) {
  const all = { v: fc.constant(1 as const), id, type: fc.constant(type), ...fields };
  const requiredKeys = Object.keys(all).filter((key) => !optional.includes(key));
  return fc.record(all as never, { requiredKeys: requiredKeys as never[] }) as Arbitrary<never>;
}

const copy = fc.record({
  depot: user,
  state: fc.constantFrom('wanted' as const, 'stored' as const, 'full' as const),
});
const rows = <T>(row: Arbitrary<T>): Arbitrary<T[]> => fc.array(row, { maxLength: 4 });
const failed = fc.record({ ok: fc.constant(false as const), error }) as Arbitrary<never>;
const page = { limit: fc.integer({ min: 1, max: 1_000 }), cursor };
const PAGE = ['limit', 'cursor'];

export const depotRequests = {
  put: ask(
    'put',
    {
      names: fc.array(text(255, 1), { minLength: 1, maxLength: 5 }),
      depots: fc.array(user, { minLength: 1, maxLength: 3 }),
      copies: fc.integer({ min: 1, max: 16 }),
      removal: fc.constantFrom(...REMOVALS),
    },
    ['depots', 'copies', 'removal'],
  ),
  del: ask('del', { publicationId, passcode: text(20, 1).filter((value) => !/\p{Cc}/u.test(value)) }, ['passcode']),
  copies: ask('copies', { publicationIds: fc.array(publicationId, { minLength: 1, maxLength: 4 }) }),
  atRisk: ask('atRisk', { all: fc.boolean(), ...page }, ['all', ...PAGE]),
  depot: ask('depot', { capacity: count }),
  work: ask('work', { all: fc.boolean(), ...page }, ['all', ...PAGE]),
  stored: ask('stored', { publicationId, fileId: hex64, has: fc.constantFrom('all', 'none', 'full') }),
};

const risky = fc.record({
  publicationId,
  name: text(255, 1),
  owner: user,
  size: count,
  fileId: hex64,
  kind: fc.constant('file' as const),
  rights: fc.constant('public' as const),
  revision: positive,
  sources: count,
  publishedAt: count,
  holders: count,
});
const job = {
  publicationId,
  do: fc.constantFrom('fetch' as const, 'keep' as const, 'drop' as const),
  name: text(255, 1),
  owner: user,
  fileId: hex64,
  size: count,
};
const work = fc.oneof(
  fc.record(job),
  fc.record({ ...job, kind: fc.constant('folder' as const), bytes: count }),
) as Arbitrary<never>;

export const depotReplies = {
  put: fc.record({
    results: rows(fc.oneof(fc.record({ ok: fc.constant(true as const), publicationId, copies: rows(copy) }), failed)),
  }),
  del: fc.record({ publicationId }),
  copies: fc.record({ publications: rows(fc.record({ publicationId, copies: rows(copy) })) }),
  atRisk: fc.record({ publications: rows(risky), cursor }, { requiredKeys: ['publications'] }) as Arbitrary<never>,
  depot: fc.record({}),
  work: fc.record({ work: rows(work), cursor }, { requiredKeys: ['work'] }) as Arbitrary<never>,
  stored: fc.record({}),
};
