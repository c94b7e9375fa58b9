// What a `get` asks, and single publishing, over UDP.
import { newId } from '../../test/e2e/raw-session.js';
import { median } from '../support/statistics.js';
import { publishInBulk } from './library-load.js';
import { loadTable, measure, rateOf, targetTable } from './rounds.js';
import { type PartOptions, shoalLoad } from './shoal-load.js';

/** More of each than the tracker can answer in a second. */
const MOST_PER_SECOND = { sources: 40_000, ticket: 8_000, publish: 12_000 } as const;
const NAME = 'what everybody asks for';

export async function requestsPart(options: PartOptions): Promise<string> {
  const { owner, pid } = options.tracker;
  const publicationId = await publishOne(options);
  await publishInBulk(owner, pid, 1_000); // a store that is not empty
  const lookUp = { v: 1, id: 'look', type: 'sources', publicationId, ticket: false };
  const singles = 'publish, one entry, durable';
  const results = await measure(
    [
      shoalLoad({ ...options, name: 'sources', perSecond: MOST_PER_SECOND.sources, request: () => () => lookUp }),
      shoalLoad({
        ...{ ...options, name: 'sources with a ticket', perSecond: MOST_PER_SECOND.ticket },
        request: () => () => ({ ...lookUp, ticket: true }),
      }),
      shoalLoad({ ...options, name: singles, perSecond: MOST_PER_SECOND.publish, request: singleOf }),
    ],
    options,
  );
  const publishing = results.filter(({ name }) => name === singles).flatMap(rateOf);
  return [
    '### Requests over UDP',
    loadTable(results),
    targetTable([{ what: singles, wanted: 5_000, measured: median(publishing), unit: '/s' }]),
  ].join('\n\n');
}

async function publishOne({ tracker: { owner } }: PartOptions): Promise<string> {
  const entries = [{ name: NAME, fileId: 'a'.repeat(64), size: 1, kind: 'file' as const }];
  const reply = await owner.request('publish', { entries });
  const [result] = reply.ok ? reply.results : [];
  if (result?.ok !== true) throw new Error('the publication that is to be asked for was refused');
  return result.publicationId;
}

/** Each acknowledges the one before it of the same session. */
function singleOf(volley: number): (turn: number) => object {
  let made = 0;
  return (turn) => {
    made += 1;
    const fileId = made.toString(16).padStart(64, 'f');
    const entries = [{ name: `single ${newId()}`, fileId, size: made, kind: 'file' }];
    const acks = turn === 0 ? {} : { acks: [`p${volley}-${turn - 1}`] };
    return { v: 1, id: `p${volley}-${turn}`, type: 'publish', entries, ...acks };
  };
}
