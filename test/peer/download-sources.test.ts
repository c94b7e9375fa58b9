import { expect } from 'chai';
import { PeerError } from '../../peer/api.js';
import { DownloadSources } from '../../peer/download-sources.js';

const FILE = 'a'.repeat(64);
const OTHER_FILE = 'b'.repeat(64);

interface Publication {
  readonly publicationId: string;
  readonly fileId: string;
  readonly device: string;
  readonly host?: string;
  readonly rights?: string;
  readonly locked?: boolean;
  readonly downloads?: object;
}

/** Answers `sources` and `search` as docs/protocol.md says. */
class TrackerModel {
  constructor(readonly publications: Publication[]) {}

  request = async (
    type: string,
    body: { publicationId?: string; idPrefix?: string; ticket?: boolean },
  ): Promise<never> => {
    if (type === 'search') {
      const found = this.publications.filter(({ fileId }) => fileId.startsWith(body.idPrefix ?? ''));
      const publications = found.map((publication) => ({ rights: 'public', ...publication }));
      return { publications, partial: false } as never;
    }
    const found = this.publications.find(({ publicationId }) => publicationId === body.publicationId);
    if (found === undefined) throw new PeerError({ code: 'not-found', message: '' });
    const { publicationId, fileId, device, host = '127.0.0.1' } = found;
    const ticket = body.ticket === true ? { ticket: `ticket for ${publicationId}` } : {};
    const sources = [{ user: device, device, has: 'all', addresses: [{ host, port: 1 }] }];
    return { publicationId, fileId, size: 1, revision: 1, ...ticket, sources } as never;
  };
}

describe('DownloadSources', () => {
  const signal = new AbortController().signal;

  function sourcesOf(publications: Publication[], observedHost = '127.0.0.1'): DownloadSources {
    return new DownloadSources(new TrackerModel(publications) as never, () => observedHost);
  }

  it('draws from every publication of the content, each with the ticket of its own', async () => {
    const sources = sourcesOf([
      { publicationId: 'one', fileId: FILE, device: 'ana' },
      { publicationId: 'two', fileId: FILE, device: 'ben' },
      { publicationId: 'three', fileId: OTHER_FILE, device: 'eve' },
    ]);

    const reply = await sources.sources('one', { ticket: true, signal });

    expect(reply.sources.map(({ device, ticket }) => [device, ticket])).to.deep.equal([
      ['ana', 'ticket for one'],
      ['ben', 'ticket for two'],
    ]);
  });

  it('reads on when one answer does not name them all', async () => {
    const devices = ['ana', 'ben', 'cho', 'dan', 'eve'];
    const request = async (type: string, { cursor = '0' }: { cursor?: string }): Promise<object> => {
      if (type === 'search') return { publications: [], partial: false };
      const from = Number(cursor);
      const sources = devices
        .slice(from, from + 2)
        .map((device) => ({ user: device, device, has: 'part', addresses: [] }));
      const more = from + 2 < devices.length ? { cursor: String(from + 2) } : {};
      return { publicationId: 'one', fileId: FILE, size: 1, revision: 1, sources, ...more };
    };
    const sources = new DownloadSources({ request } as never, () => '127.0.0.1');

    const reply = await sources.sources('one', { ticket: false, signal });

    expect(reply.sources.map(({ device }) => device)).to.deep.equal(devices);
  });

  it('goes on from the others when the publication was withdrawn', async () => {
    const sources = sourcesOf([{ publicationId: 'two', fileId: FILE, device: 'ben' }]);

    const reply = await sources.sources('one', { ticket: true, fileId: FILE, signal });

    expect(reply.sources.map(({ device }) => device)).to.deep.equal(['ben']);
  });

  it('keeps to the content that was chosen when the publication has got another', async () => {
    const sources = sourcesOf([
      { publicationId: 'one', fileId: OTHER_FILE, device: 'ana' },
      { publicationId: 'two', fileId: FILE, device: 'ben' },
    ]);

    const reply = await sources.sources('one', { ticket: true, fileId: FILE, signal });

    expect(reply.fileId).to.equal(FILE);
    expect(reply.sources.map(({ device }) => device)).to.deep.equal(['ben']);
  });

  it('draws nothing from beside what was asked for that not everybody may fetch: who passes it on would give it away', async () => {
    const sources = sourcesOf([
      { publicationId: 'bait', fileId: FILE, device: 'mallory' },
      { publicationId: 'limited', fileId: FILE, device: 'ana', rights: 'limited' },
      { publicationId: 'locked', fileId: FILE, device: 'ben', locked: true },
      { publicationId: 'counted', fileId: FILE, device: 'cid', downloads: { most: 1, left: 1, burn: false } },
    ]);

    const reply = await sources.sources('bait', { ticket: true, fileId: FILE, signal });

    expect(reply.sources.map(({ device }) => device)).to.deep.equal(['mallory']);
  });

  it('names a device once, however often it publishes the content', async () => {
    const sources = sourcesOf([
      { publicationId: 'one', fileId: FILE, device: 'ana' },
      { publicationId: 'two', fileId: FILE, device: 'ana' },
    ]);

    const reply = await sources.sources('one', { ticket: true, signal });

    expect(reply.sources).to.have.length(1);
  });

  it('gives no loopback address when the tracker is elsewhere', async () => {
    const sources = sourcesOf([{ publicationId: 'one', fileId: FILE, device: 'eve' }], '9.9.9.9');

    const reply = await sources.sources('one', { ticket: true, signal });

    expect(reply.sources[0]?.addresses).to.deep.equal([]);
  });

  it('says not-found when nobody has it any more', async () => {
    const sources = sourcesOf([]);

    const error = await sources
      .sources('one', { ticket: true, fileId: FILE, signal })
      .catch((reason: unknown) => reason);

    expect(error).to.have.property('code', 'not-found');
  });
});
