import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { appendFile, readFile, stat, writeFile } from 'node:fs/promises';
import type { RequestOptions } from 'node:http';
import { promisify } from 'node:util';

import { expect } from 'chai';

import { VirtualClock } from '../../common/runtime/clock.js';
import { FilePort } from '../../peer/file-port/file-port.js';
import { LinkServer, type LinkUse } from '../../peer/links/link-server.js';
import { Links, type MadeLink } from '../../peer/links/links.js';
import { problemOf } from '../download/expect-problem.js';
import { type Publication, sharedFile, type TestPeer, World } from '../download/swarm-fixture.js';
import { sameBytes } from '../support/temp.js';
import { waitFor } from '../support/wait-for.js';
import { type HttpAnswer, httpFetch, httpsSocket } from './http-client.js';

const run = promisify(execFile);
const SIZE = 3 * 1024 * 1024 + 11;
const HOUR = 3_600_000;

describe('Links', () => {
  let world: World;
  let publication: Publication;
  let alice: TestPeer;
  let port: FilePort;
  let links: Links;
  let server: LinkServer;
  let audit: LinkUse[];
  let clock: VirtualClock;
  let link: MadeLink;
  beforeEach(async () => {
    world = await World.open();
    publication = await world.publish("it's a file.bin", SIZE);
    alice = await world.peer('alice', [publication]);
    clock = new VirtualClock(Date.now());
    links = await Links.open({ stateDir: world.dir.path, clock });
    audit = [];
    const files = {
      find: (id: string) => alice.files.get(id),
      findFile: () => alice.files.get(publication.publicationId),
    };
    server = new LinkServer({ links, files, uploads: alice.uploads, onAudit: (use) => audit.push(use), clock });
    port = await FilePort.listen({
      identity: alice.identity,
      host: '127.0.0.1',
      port: 0,
      onPeer: (connection) => connection.close(),
      onHttp: (socket, guest) => server.accept(socket, guest),
    });
    world.onEnd(async () => {
      await server.stop();
      await port.stop();
      await links.stop();
    });
    link = await make();
  });
  afterEach(() => world[Symbol.asyncDispose]());

  const make = (changes = {}): Promise<MadeLink> =>
    links.make({
      fileId: publication.fileId,
      publicationId: publication.publicationId,
      name: publication.name,
      expiresInMs: HOUR,
      host: '127.0.0.1',
      port: port.port,
      pin: alice.identity.pin,
      ...changes,
    });

  const http = (url: string, options: RequestOptions = {}): Promise<HttpAnswer> =>
    httpFetch(url, alice.identity.pin, options);

  const shell = (command: string): Promise<{ stdout: string; stderr: string }> =>
    run('sh', ['-c', command], { cwd: world.dir.path });

  it('is fetched by the curl line that it comes with', async () => {
    await shell(link.curl.replace('curl ', 'curl -sS '));

    expect(await sameBytes(publication.path, world.dir.join(publication.name))).to.equal(true);
  });

  it('is resumed by the same line', async () => {
    await writeFile(world.dir.join(publication.name), (await readFile(publication.path)).subarray(0, 1_000_000));

    await shell(link.curl.replace('curl ', 'curl -sS '));

    expect(await sameBytes(publication.path, world.dir.join(publication.name))).to.equal(true);
    expect(audit.at(-1)).to.include({ status: 206, sentBytes: SIZE - 1_000_000 });
  });

  it('is fetched by the wget line', async () => {
    await shell(link.wget.replace('wget ', 'wget -q '));

    expect(await sameBytes(publication.path, world.dir.join(publication.name))).to.equal(true);
  });

  it('does not show the token to another peer: curl stops at the wrong pin', async () => {
    const other = await world.identity('mallory');
    const wrong = link.curl.replace(/sha256\/\/[^']+/, `sha256//${Buffer.from(other.pin, 'hex').toString('base64')}`);

    const error = (await shell(wrong).catch((reason: unknown) => reason)) as { code: number };

    expect(error.code, 'curl: SSL_PINNEDPUBKEYNOTMATCH').to.equal(90);
    expect(audit).to.deep.equal([]);
  });

  it('takes the token as a bearer token too', async () => {
    const [path = '', token = ''] = link.url.split('?token=');

    const answer = await http(path, { headers: { authorization: `Bearer ${decodeURIComponent(token)}` } });

    expect(answer.status).to.equal(200);
    expect(answer.body.equals(await readFile(publication.path))).to.equal(true);
  });

  it('says what it sends, safely for browsers', async () => {
    const { status, headers, body } = await http(link.url, { method: 'HEAD' });

    expect(status).to.equal(200);
    expect(body).to.have.length(0);
    expect(headers).to.include({
      'content-length': `${SIZE}`,
      etag: `"${publication.fileId}"`,
      'accept-ranges': 'bytes',
      'x-content-type-options': 'nosniff',
      'cache-control': 'private, no-store',
      'content-type': 'application/octet-stream',
    });
    expect(headers['content-disposition']).to.equal(
      `attachment; filename="it's a file.bin"; filename*=UTF-8''it%27s%20a%20file.bin`,
    );
  });

  it('keeps names from breaking headers', async () => {
    const nasty = await make({ name: 'a"b\\c\r\nX: y\u202eé%.bin' });

    const { headers } = await http(nasty.url, { method: 'HEAD' });

    expect(headers['x']).to.equal(undefined);
    expect(headers['content-disposition']).to.match(
      /^attachment; filename="a_b_c__X: y___.bin"; filename\*=UTF-8''a%22b%5Cc%0D%0AX%3A%20y%E2%80%AE%C3%A9%25.bin$/,
    );
  });

  const ranges: [string, number, number, number][] = [
    ['bytes=0-0', 206, 0, 1],
    ['bytes=5-', 206, 5, SIZE],
    ['bytes=10-19', 206, 10, 20],
    ['bytes=-7', 206, SIZE - 7, SIZE],
    [`bytes=${SIZE - 1}-`, 206, SIZE - 1, SIZE],
    [`bytes=0-${SIZE * 2}`, 206, 0, SIZE],
    [`bytes=-${SIZE * 2}`, 206, 0, SIZE],
    [`bytes=${SIZE}-`, 416, 0, 0],
    ['bytes=-0', 416, 0, 0],
    ['bytes=9-3', 200, 0, SIZE],
    ['bytes=0-1,4-5', 200, 0, SIZE],
    ['chunks=0-1', 200, 0, SIZE],
    ['bytes=99999999999999999999-', 200, 0, SIZE],
  ];
  for (const [range, status, start, end] of ranges) {
    it(`answers the range ${range} with ${status}`, async () => {
      const answer = await http(link.url, { headers: { range } });

      expect(answer.status).to.equal(status);
      if (status === 416) expect(answer.headers['content-range']).to.equal(`bytes */${SIZE}`);
      else expect(answer.body.equals((await readFile(publication.path)).subarray(start, end))).to.equal(true);
      if (status === 206) expect(answer.headers['content-range']).to.equal(`bytes ${start}-${end - 1}/${SIZE}`);
    });
  }

  it('sends the whole file to who has the beginning of another content', async () => {
    const answer = await http(link.url, { headers: { range: 'bytes=5-', 'if-range': '"another"' } });
    const same = await http(link.url, { headers: { range: 'bytes=5-', 'if-range': `"${publication.fileId}"` } });

    expect([answer.status, same.status]).to.deep.equal([200, 206]);
  });

  it('serves an empty file', async () => {
    const empty = await world.publish('empty', 0);
    alice.files.set(empty.publicationId, sharedFile(empty));
    const emptyLink = await make({ fileId: empty.fileId, publicationId: empty.publicationId });

    expect(await http(emptyLink.url)).to.deep.include({ status: 200, body: Buffer.alloc(0) });
  });

  const base = (): string => link.url.slice(0, link.url.indexOf('?'));
  const refusals: [string, number, () => string | Promise<string>][] = [
    ['no token', 401, base],
    ['an empty token', 401, () => `${base()}?token=`],
    ['a token that is none', 401, () => `${base()}?token=hello`],
    [
      'a token with one character changed',
      401,
      () =>
        link.url.replace(
          /(token=.{60})(.)/,
          (_all, head: string, char: string) => `${head}${char === 'A' ? 'B' : 'A'}`,
        ),
    ],
    ['a token with a junk character', 401, () => `${link.url}*`],
    [
      'the token of another peer',
      401,
      async () => {
        const others = await Links.open({
          stateDir: (await world.publish('x', 1, { folder: 'other' })).path.slice(0, -2),
          clock,
        });
        return (
          await others.make({
            fileId: publication.fileId,
            name: 'x',
            expiresInMs: HOUR,
            host: '127.0.0.1',
            port: port.port,
            pin: alice.identity.pin,
          })
        ).url;
      },
    ],
    [
      'the token of another file',
      403,
      async () => (await make({ fileId: 'ab'.repeat(32) })).url.replace('ab'.repeat(32), publication.fileId),
    ],
    ['another path', 404, () => link.url.replace('/files/', '/etc/')],
    ['a path with dots', 404, () => link.url.replace('/files/', '/files/../files/..%2f')],
    ['the root', 404, () => link.url.replace(/\/files.*/, '/')],
    [
      'a file that is not served any more',
      410,
      () => {
        alice.files.clear();
        return link.url;
      },
    ],
    [
      'a file that has changed',
      410,
      async () => {
        await appendFile(publication.path, 'x');
        return link.url;
      },
    ],
    [
      'a link that has expired',
      410,
      () => {
        clock.advance(HOUR + 1);
        return link.url;
      },
    ],
    [
      'a link that was revoked',
      410,
      async () => {
        await links.revoke(link.linkId);
        return link.url;
      },
    ],
    [
      'a link that was revoked before a restart',
      410,
      async () => {
        await links.revoke(link.linkId);
        const again = await Links.open({ stateDir: world.dir.path, clock });
        expect(again.check(decodeURIComponent(link.url.split('token=')[1] ?? ''), publication.fileId)).to.equal(
          'ended',
        );
        return link.url;
      },
    ],
  ];
  for (const [what, status, url] of refusals) {
    it(`answers ${what} with ${status} and no byte of the file`, async () => {
      const answer = await http(await url());

      expect(answer.status).to.equal(status);
      expect(answer.body.toString()).to.match(/^[\x20-\x7e]{5,100}\n$/);
      expect(alice.uploads.sentBytes).to.equal(0);
    });
  }

  it('answers other methods with 405', async () => {
    expect((await http(link.url, { method: 'POST' })).status).to.equal(405);
  });

  it('answers 429 to who tries tokens, for a while', async () => {
    for (let n = 0; n < 20; n += 1) await http(`${base()}?token=wrong${n}`);
    const refused = await http(link.url);
    clock.advance(61_000);
    const later = await http(link.url);

    expect([refused.status, later.status]).to.deep.equal([429, 200]);
  });

  it('answers 503 when all places are taken for too long', async () => {
    const busy = await world.peer('carol', [publication], { maxActive: 1 });
    const never = Promise.withResolvers<void>();
    const held = busy.uploads.slots.run(() => never.promise, { owner: 'x', signal: new AbortController().signal });
    const full = new LinkServer({
      links,
      files: { find: () => alice.files.get(publication.publicationId), findFile: () => undefined },
      uploads: busy.uploads,
      clock,
    });
    const fullPort = await FilePort.listen({
      identity: alice.identity,
      host: '127.0.0.1',
      port: 0,
      onPeer: (connection) => connection.close(),
      onHttp: (socket) => full.accept(socket),
    });
    world.onEnd(async () => {
      await full.stop();
      await fullPort.stop();
    });
    const answering = http(link.url.replace(`:${port.port}/`, `:${fullPort.port}/`));
    await waitFor(() => busy.uploads.slots.isContended);
    clock.advance(10_000);

    expect((await answering).status).to.equal(503);
    never.resolve();
    await held;
  });

  it('ends a connection that sends its head byte by byte, 5 s after it began', async () => {
    const { socket } = await httpsSocket(port.port, alice.identity.pin);
    let isClosed = false;
    socket.on('close', () => {
      isClosed = true;
    });
    socket.on('error', () => undefined);
    socket.write('GET /files/');
    await waitFor(() => clock.pendingTimers > 0);
    for (let second = 0; second < 4; second += 1) {
      clock.advance(1_000);
      socket.write('a');
    }
    expect(isClosed).to.equal(false);
    clock.advance(1_000);

    await waitFor(() => isClosed);
  });

  it('counts uses and names them in the audit, never with the token', async () => {
    await http(link.url);
    await http(link.url, { headers: { range: 'bytes=0-9' } });
    await waitFor(() => audit.length === 2);
    await links.stop();

    expect(links.list()[0]).to.include({ linkId: link.linkId, uses: 2, sentBytes: SIZE + 10 });
    expect(
      audit.map(({ linkId, status, sentBytes, address }) => ({ linkId, status, sentBytes, address })),
    ).to.deep.equal([
      { linkId: link.linkId, status: 200, sentBytes: SIZE, address: '127.0.0.1' },
      { linkId: link.linkId, status: 206, sentBytes: 10, address: '127.0.0.1' },
    ]);
    const token = decodeURIComponent(link.url.split('token=')[1] ?? '');
    expect(JSON.stringify(audit) + readFileSync(world.dir.join('links.json'), 'utf8')).not.to.include(token);
    expect((await Links.open({ stateDir: world.dir.path })).list()[0]).to.include({ uses: 2 });
  });

  it('keeps its key to its owner', async () => {
    expect((await stat(world.dir.join('link.key'))).mode & 0o777).to.equal(0o600);
    expect((await stat(world.dir.join('links.json'))).mode & 0o777).to.equal(0o600);
  });

  it('quotes names so that a shell runs nothing', async () => {
    const nasty = await make({ name: `$(touch pwned)'; touch pwned; echo '` });

    await shell(nasty.curl.replace('curl ', 'curl -sS '));

    expect(await stat(world.dir.join('pwned')).catch(() => 'none')).to.equal('none');
    expect(await sameBytes(publication.path, world.dir.join(`$(touch pwned)'; touch pwned; echo '`))).to.equal(true);
  });

  it('refuses lives that make no sense, and revoking what is not there', async () => {
    for (const expiresInMs of [0, -1, NaN, 400 * 86_400_000])
      expect((await problemOf(make({ expiresInMs }))).code).to.equal('usage');
    expect((await problemOf(links.revoke('zzz'))).code).to.equal('not-found');
    await make();
    expect((await problemOf(links.revoke(''))).code).to.equal('not-found');
  });
});
