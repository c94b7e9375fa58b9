import { readFile, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import type { TransferRow } from '../../peer/api.js';
import { sameBytes, seededBytes } from '../support/temp.js';
import { errorCodeOf, fetchedBytes, resultOf, transferOf } from './json-results.js';
import { type LieOptions, LyingSource } from './lying-source.js';
import { inWorld, World } from './world.js';

const CHUNK = 256 * 1024;
const MIB = 1024 * 1024;

/** Where files have gone wrong before: nothing, one byte, and both sides of a border. */
const BOUNDARY_SIZES = [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 16 * CHUNK, 4 * MIB + 1];

describe('get between real peers', () => {
  it(
    `fetches files of ${BOUNDARY_SIZES.join(', ')} bytes as they were published`,
    inWorld({}, async (world) => {
      await world.serve('alice');
      for (const size of BOUNDARY_SIZES) {
        const path = await world.file('alice', `size-${size}.bin`, size, size + 1);
        const fileId = await world.publish('alice', path);

        const transfer = transferOf(await world.cli('bob', ['get', `size-${size}.bin`]));

        expect(transfer.fileId).to.equal(fileId);
        expect(transfer.receivedBytes, 'nothing came twice').to.equal(size);
        expect(await sameBytes(path, target(world, 'bob', `size-${size}.bin`))).to.equal(true);
      }
    }),
  );

  it(
    'never overwrites a file, unless it is told to with --force',
    inWorld({}, async (world) => {
      await world.serve('alice');
      await world.publish('alice', await world.file('alice', 'doc.bin', 1000));
      const path = target(world, 'bob', 'doc.bin');
      await world.cli('bob', ['get', 'doc.bin', '--as', 'first.bin']);
      world.noteContent('first.bin', await hashOf(world, 'alice', 'doc.bin'));
      await writeFile(path, 'mine');

      const refused = await world.cli('bob', ['get', 'doc.bin']);
      const kept = await readFile(path, 'utf8');
      const forced = await world.cli('bob', ['get', 'doc.bin', '--force']);

      expect([refused.code, errorCodeOf(refused)]).to.deep.equal([1, 'exists']);
      expect(kept).to.equal('mine');
      expect(forced.code, forced.stderr).to.equal(0);
    }),
  );

  it(
    'takes one content from two users who publish it under names of their own, each a fair part',
    inWorld({ users: ['alice', 'carol', 'bob'], ram: true }, async (world) => {
      const size = 12 * MIB;
      const rate = 4 * MIB;
      const path = await world.file('alice', 'shared.bin', size);
      const copy = await world.file('carol', 'shared.bin', size);
      await world.serve('alice', { args: ['--upload-limit', String(rate)] });
      await world.publish('alice', path);
      const alone = await timedGet(world, 'one.bin');
      world.noteContent('one.bin', await hashOf(world, 'alice', 'shared.bin'));
      await world.serve('carol', { args: ['--upload-limit', String(rate)] });
      await world.publish('carol', copy);

      const both = await timedGet(world, 'two.bin');
      world.noteContent('two.bin', await hashOf(world, 'alice', 'shared.bin'));

      const { sources } = both.transfer;
      const parts = Object.fromEntries(sources.map(({ user, verifiedBytes }) => [user, verifiedBytes / size]));
      const ratio = both.seconds / alone.seconds;
      const shares = Object.entries(parts).map(([user, part]) => `${user} ${(part * 100).toFixed(0)} %`);
      print(
        `one source ${alone.seconds.toFixed(2)} s, two ${both.seconds.toFixed(2)} s, ratio ${ratio.toFixed(2)}; ${shares.join(', ')}`,
      );
      expect(alone.transfer.sources.filter(({ verifiedBytes }) => verifiedBytes > 0)).to.have.length(1);
      expect(parts['alice']).to.be.at.least(0.3);
      expect(parts['carol']).to.be.at.least(0.3);
      expect(sentBeside(both.rows), 'both went on after each had sent a part').to.equal(true);
    }),
  );

  it(
    'goes on with the other source when one is killed, and fetches at most one chunk again',
    inWorld({ users: ['alice', 'carol', 'bob'], ram: true }, async (world) => {
      const size = 64 * MIB;
      const alice = await world.serve('alice', { args: ['--upload-limit', String(16 * MIB)] });
      await world.serve('carol', { args: ['--upload-limit', String(16 * MIB)] });
      await world.publish('alice', await world.file('alice', 'big.bin', size));
      await world.publish('carol', await world.file('carol', 'big.bin', size));
      const download = await world.start('bob', ['get', '@carol/big.bin']);
      await download.waitForEvent('transfer', { where: (event) => fetchedBytes(event) > size / 4, timeoutMs: 20_000 });

      alice.process.kill('SIGKILL');
      await world.liftUploadLimit('carol');
      const end = await download.waitForExit(30_000);

      expect(end.code, download.describe()).to.equal(0);
      const { transfer } = download.jsonEvents().at(-1) as unknown as { transfer: { receivedBytes: number } };
      print(`64 MiB, one of two sources killed: ${transfer.receivedBytes - size} bytes fetched again`);
      expect(transfer.receivedBytes).to.be.at.most(size + CHUNK);
      expect(await sameBytes(target(world, 'alice', 'big.bin', 'files'), target(world, 'bob', 'big.bin'))).to.equal(
        true,
      );
    }),
  );

  it(
    'fails over when the source it uses is ended by xit, which takes at most two seconds',
    inWorld({ users: ['alice', 'carol', 'bob'], ram: true }, async (world) => {
      const size = 24 * MIB;
      const limited = { args: ['--upload-limit', String(6 * MIB)] };
      const alice = await world.serve('alice', limited);
      await world.serve('carol', limited);
      await world.publish('alice', await world.file('alice', 'passed-on.bin', size));
      await world.publish('carol', await world.file('carol', 'passed-on.bin', size));
      const download = await world.start('bob', ['get', '@alice/passed-on.bin']);
      await download.waitForEvent('transfer', { where: (event) => fetchedBytes(event) > size / 4, timeoutMs: 20_000 });

      const ended = await timed(async () => {
        await alice.run(['xit']);
        return alice.process.waitForExit();
      });
      await world.liftUploadLimit('carol');
      const end = await download.waitForExit(30_000);

      print(`xit in the middle of an upload: ended after ${ended.seconds.toFixed(2)} s`);
      expect(ended.result).to.deep.equal({ code: 0, signal: null });
      expect(ended.seconds, 'two seconds, and the start of the command').to.be.at.most(4);
      expect(end.code, download.describe().slice(-2000)).to.equal(0);
      const [from, to] = [target(world, 'alice', 'passed-on.bin', 'files'), target(world, 'bob', 'passed-on.bin')];
      expect(await sameBytes(from, to)).to.equal(true);
    }),
  );

  it(
    'goes on by itself when its only source is killed and comes back, and after it was killed itself; nothing verified comes twice',
    inWorld({ ram: true }, async (world) => {
      const size = 64 * MIB;
      const limited = { args: ['--upload-limit', String(24 * MIB)] };
      const path = await world.file('alice', 'film.bin', size);
      const alice = await world.serve('alice', limited);
      await world.publish('alice', path);
      const first = await world.start('bob', ['get', 'film.bin']);
      await first.waitForEvent('transfer', { where: (event) => fetchedBytes(event) > size / 4, timeoutMs: 20_000 });

      alice.process.kill('SIGKILL');
      await alice.process.exit;
      await world.serve('alice', limited);
      await first.waitForEvent('transfer', { where: (event) => fetchedBytes(event) > size / 2, timeoutMs: 20_000 });
      const before = first.jsonEvents().at(-1) as unknown as { transfer: TransferRow };
      first.kill('SIGKILL');
      await first.exit;
      const last = transferOf(await world.cli('bob', ['get', 'film.bin']));

      const again = before.transfer.receivedBytes - before.transfer.doneBytes;
      print(
        `64 MiB, source and downloader killed: ${again} bytes under way or again, ${last.resumedBytes} resumed, ${last.receivedBytes} fetched last`,
      );
      expect(last.resumedBytes).to.be.at.least(before.transfer.doneBytes);
      expect(last.receivedBytes).to.equal(size - last.resumedBytes);
      expect(await sameBytes(path, target(world, 'bob', 'film.bin'))).to.equal(true);
    }),
  );

  it(
    'refuses a file that was changed behind the publisher, with the old size and time, and never saves a mix',
    inWorld({}, async (world) => {
      await world.serve('alice');
      const path = await world.file('alice', 'paper.bin', 3 * CHUNK);
      await world.publish('alice', path);
      const before = await stat(path);
      await writeFile(path, seededBytes(3 * CHUNK, 99));
      await utimes(path, before.atime, before.mtime);

      // How it ends when nobody else has the file, test/heavy/lost-source tells: that takes its time.
      const got = await world.start('bob', ['get', 'paper.bin']);
      const told = await got.waitForEvent('transfer', { where: (event) => problemsIn(event).length > 0 });

      world.mayBeUnfinished('paper.bin');
      expect(problemsIn(told)).to.deep.equal(['changed']);
      await got.stop('SIGINT');
      await rePublish(world, path);
    }),
  );

  it(
    'takes the whole file from the honest source when another one lies',
    inWorld({ users: ['alice', 'mallory', 'bob'] }, async (world) => {
      await world.serve('alice', { args: ['--upload-limit', String(4 * MIB)] });
      const path = await world.file('alice', 'true.bin', 4 * MIB);
      await world.publish('alice', path);
      const content = await readFile(path);
      const distort = (bytes: Buffer): Buffer => withBitTurned(bytes, 5);
      await using source = await LyingSource.start(world, { user: 'mallory', name: 'true.bin', content, distort });

      const transfer = transferOf(await world.cli('bob', ['get', '@alice/true.bin']));

      const liar = transfer.sources.find(({ user }) => user === 'mallory');
      print(`a liar beside an honest source: ${source.sentBytes} bytes were asked of it, none was kept`);
      expect(await sameBytes(path, target(world, 'bob', 'true.bin'))).to.equal(true);
      expect(liar?.verifiedBytes ?? 0).to.be.at.most(content.length);
      if (source.sentBytes > 0) expect(liar, 'the liar is named').to.have.nested.property('problem.code', 'integrity');
    }),
  );

  it(
    'lists the choices when two users publish different files under one name, and mixes nothing',
    inWorld({ users: ['alice', 'carol', 'bob'] }, async (world) => {
      await world.serve('alice');
      await world.serve('carol');
      const path = await world.file('alice', 'same.bin', 1000, 1);
      const fileId = await world.publish('alice', path);
      await world.publish('carol', await world.file('carol', 'same.bin', 1000, 2));

      const unclear = await world.cli('bob', ['get', 'same.bin']);
      const byOwner = await world.cli('bob', ['get', '@alice/same.bin']);
      const byId = await world.cli('bob', ['get', `id:${fileId.slice(0, 16)}`, '--as', 'by-id.bin']);

      world.noteContent('by-id.bin', await hashOf(world, 'alice', 'same.bin'));
      expect([unclear.code, errorCodeOf(unclear)]).to.deep.equal([1, 'ambiguous']);
      expect(unclear.result).to.have.property('choices').with.length(2);
      expect([byOwner.code, byId.code], byId.stderr).to.deep.equal([0, 0]);
      expect(await sameBytes(path, target(world, 'bob', 'by-id.bin'))).to.equal(true);
    }),
  );
});

/** What a source may send in place of the truth. */
const LIES: Readonly<Record<string, Partial<LieOptions>>> = {
  'turns one bit of a chunk': { distort: (bytes) => withBitTurned(bytes, CHUNK + 17) },
  'sends other hashes': { distortManifest: (hashes) => withBitTurned(hashes, 3) },
  'sends too few bytes': { distort: (bytes) => bytes.subarray(0, bytes.length - 1) },
  'sends too many bytes': { distort: (bytes) => Buffer.concat([bytes, Buffer.from('more')]) },
};

describe('get from a source that lies', () => {
  const lies = Object.entries(LIES);
  let world: World;

  before(async () => {
    world = await World.open({ users: lies.flatMap(([what]) => usersOf(what)) });
  });

  after(() => world.end());

  it(`names it, saves nothing of it and ends with 6: one that ${lies.map(([what]) => what).join(', ')}`, async () => {
    await Promise.all(lies.map(([what, lie]) => getOf(what, lie))); // each waits a while for somebody honest
  });

  async function getOf(what: string, lie: (typeof lies)[number][1]): Promise<void> {
    const [liar, user] = usersOf(what);
    const name = `${what}.bin`;
    // Each lie about another file: of the same content every reader would ask every liar.
    const content = seededBytes(
      3 * CHUNK,
      lies.findIndex(([each]) => each === what),
    );
    await using source = await LyingSource.start(world, { user: liar, name, content, ...lie });

    const done = await world.cli(user, ['get', name]);

    world.mayBeUnfinished(name);
    expect([done.code, errorCodeOf(done)], done.stderr).to.deep.equal([6, 'integrity']);
    expect(done.stderr).to.contain(liar);
    expect(source.sentBytes, 'it is not asked for ever').to.be.at.most(3 * content.length);
  }

  function usersOf(what: string): [liar: string, user: string] {
    const word = what.replaceAll(' ', '-');
    return [`liar-who-${word}`, `reader-of-who-${word}`];
  }
});

function target(world: World, user: string, name: string, folder: 'downloads' | 'files' = 'downloads'): string {
  return join(world.place(user)[folder], name);
}

async function hashOf(world: World, user: string, name: string): Promise<string> {
  const { sha256File } = await import('../support/temp.js');
  return sha256File(target(world, user, name, 'files'));
}

/** Codes of what the download has against its sources. */
function problemsIn(event: object): string[] {
  const { transfer } = event as { transfer?: TransferRow };
  return (transfer?.sources ?? []).flatMap(({ problem }) => (problem === undefined ? [] : [problem.code]));
}

/** The ledger has to know the file that alice now has. */
async function rePublish(world: World, path: string): Promise<void> {
  await world.publish('alice', path, ['--replace']);
  const done = await world.cli('bob', ['get', 'paper.bin', '--as', 'paper-2.bin']);
  resultOf(done);
  world.noteContent('paper-2.bin', await hashOf(world, 'alice', 'paper.bin'));
}

function withBitTurned(bytes: Buffer, at: number): Buffer {
  const copy = Buffer.from(bytes);
  const place = Math.min(at, copy.length - 1);
  copy[place] = (copy[place] ?? 0) ^ 1;
  return copy;
}

/** Fetches alice's shared file; the time is that of the transfer, without the start of the program and the login. */
/** True when at some moment each of two sources had sent a twentieth, and each sent as much again later: one behind the other cannot. */
function sentBeside(rows: readonly TransferRow[]): boolean {
  const { sources: last = [], sizeBytes = 0 } = rows.at(-1) ?? {};
  const part = sizeBytes / 20;
  return rows.some(
    ({ sources }) =>
      sources.length === 2 &&
      sources.every(({ user, verifiedBytes: then }) => {
        const end = last.find((source) => source.user === user)?.verifiedBytes ?? 0;
        return then >= part && end - then >= part;
      }),
  );
}

async function timedGet(
  world: World,
  as: string,
): Promise<{ seconds: number; transfer: TransferRow; rows: readonly TransferRow[] }> {
  const download = await world.start('bob', ['get', '@alice/shared.bin', '--as', as]);
  await download.waitForEvent('transfer');
  const { result, seconds } = await timed(() => download.waitForEvent('result', { timeoutMs: 30_000 }));
  await download.waitForExit();
  const rows = download
    .jsonEvents()
    .flatMap(({ event, transfer }) => (event === 'transfer' ? [transfer as TransferRow] : []));
  return { seconds, transfer: result['transfer'] as TransferRow, rows };
}

async function timed<T>(work: () => Promise<T>): Promise<{ result: T; seconds: number }> {
  const from = performance.now();
  const result = await work();
  return { result, seconds: (performance.now() - from) / 1000 };
}

function print(line: string): void {
  process.stdout.write(`      ${line}\n`);
}
