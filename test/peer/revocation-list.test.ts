import { expect } from 'chai';
import type { Ticket } from '../../common/protocol/peer-messages.js';
import { RevocationList } from '../../peer/revocation-list.js';

const TICKET: Ticket = {
  v: 1,
  ticketId: 'ticket-ticket-ticket1',
  publicationId: 'publication-publicat1',
  fileId: '0'.repeat(64),
  size: 1,
  user: 'Mallory',
  device: '1'.repeat(64),
  limits: {},
  issuedAt: 1_000,
  notAfter: 5_000,
};

describe('RevocationList', () => {
  const options = { signal: new AbortController().signal };

  for (const [kind, subject] of [
    ['user', 'mallory'],
    ['publication', TICKET.publicationId],
    ['ticket', TICKET.ticketId],
  ] as const) {
    it(`stands against tickets of a revoked ${kind}, and not against later ones`, async () => {
      const list = new RevocationList(trackerWith([{ epoch: 1, kind, subject, at: 2_000 }]) as never, () => undefined);

      list.told(1, options);
      await list.ready(options);

      expect(list.isRevoked(TICKET)).to.equal(true);
      expect(list.isRevoked({ ...TICKET, issuedAt: 2_001 })).to.equal(false);
    });
  }

  it('of one user of a publication stands against no other user, and no other publication', async () => {
    const row = { epoch: 1, kind: 'publication', subject: TICKET.publicationId, user: 'mallory', at: 2_000 } as const;
    const list = new RevocationList(trackerWith([row]) as never, () => undefined);

    list.told(1, options);
    await list.ready(options);

    expect(list.isRevoked(TICKET)).to.equal(true);
    expect(list.isRevoked({ ...TICKET, user: 'bob' })).to.equal(false);
    expect(list.isRevoked({ ...TICKET, publicationId: 'another-publication-1' })).to.equal(false);
  });

  it('is not ready while the tracker has told of an epoch that it could not fetch', async () => {
    const list = new RevocationList({ request: () => Promise.reject(new Error('away')) } as never, () => undefined);

    list.told(3, options);

    const error = await list.ready(options).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).to.be.an('error');
  });

  it('is ready at once when nothing was ever revoked', async () => {
    const list = new RevocationList({ request: () => Promise.reject(new Error('away')) } as never, () => undefined);

    list.told(0, options);
    await list.ready(options);

    expect(list.isRevoked(TICKET)).to.equal(false);
  });

  it('fetches again what was revoked while a fetch was under way', async () => {
    const rows: Row[] = [{ epoch: 1, kind: 'user', subject: 'somebody', at: 2_000 }];
    const tracker = trackerWith(rows);
    const list = new RevocationList(
      {
        async request(type: string, body: { since: number }) {
          const reply = await tracker.request(type, body);
          if (rows.length === 1) {
            rows.push({ epoch: 2, kind: 'user', subject: 'mallory', at: 2_000 });
            list.told(2, options); // by a heartbeat, before the reply of the fetch is read
          }
          return reply;
        },
      } as never,
      () => undefined,
    );

    list.told(1, options);
    await list.ready(options);

    expect(list.isRevoked(TICKET)).to.equal(true);
  });

  it('is not kept from being ready by somebody else who stopped waiting', async () => {
    const tracker = trackerWith([{ epoch: 1, kind: 'user', subject: 'mallory', at: 2_000 }]);
    const list = new RevocationList(
      {
        async request(type: string, body: { since: number }, { signal }: { signal: AbortSignal }) {
          await new Promise((resolve) => setImmediate(resolve));
          signal.throwIfAborted();
          return tracker.request(type, body);
        },
      } as never,
      () => undefined,
    );
    const hasty = new AbortController();
    list.told(1, { signal: hasty.signal });
    const patient = list.ready(options);
    hasty.abort(new Error('the connection closed'));

    await patient;

    expect(list.isRevoked(TICKET)).to.equal(true);
  });

  it('follows the pages to their end', async () => {
    const rows = [1, 2, 3].map((epoch) => ({ epoch, kind: 'user' as const, subject: `user${epoch}`, at: 2_000 }));
    const list = new RevocationList(trackerWith(rows, 1) as never, () => undefined);

    list.told(3, options);
    await list.ready(options);

    expect(rows.map(({ subject }) => list.isRevoked({ ...TICKET, user: subject }))).to.deep.equal([true, true, true]);
  });
});

interface Row {
  readonly epoch: number;
  readonly kind: 'user' | 'publication' | 'ticket';
  readonly subject: string;
  readonly at: number;
}

function trackerWith(
  rows: readonly Row[],
  pageRows = 100,
): { request(type: string, body: { since: number; cursor?: string }): Promise<object> } {
  return {
    async request(_type, { since, cursor = '0' }) {
      const later = rows.filter(({ epoch }) => epoch > since);
      const start = Number(cursor);
      const page = later.slice(start, start + pageRows);
      const next = start + pageRows < later.length ? { cursor: String(start + pageRows) } : {};
      return { revocations: page, epoch: rows.at(-1)?.epoch ?? 0, ...next };
    },
  };
}
