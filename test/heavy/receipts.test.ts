/** E13 with real processes: who fetched what from whom is in the audit, signed by both ends, and can be judged elsewhere. */
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect } from 'chai';
import { sharedEnvironment, World } from '../e2e/world.js';
import { runCli } from '../support/program.js';
import { writeRandomFile } from '../support/temp.js';
import { waitFor } from '../support/wait-for.js';

interface Row {
  readonly user: string;
  readonly detail: string;
  readonly proof: string;
}

describe('a download, in the audit', () => {
  it('is signed by both ends, also that of a folder; one that was killed by its source alone; all are right anywhere', async () => {
    await using world = await World.open({ admins: ['alice'], ram: true });
    const audit = () => world.cli('alice', ['admin', 'audit', '--kind', 'receipt', '--limit', 'all']);
    const receipts = async (): Promise<Row[]> => ((await audit()).result?.['rows'] ?? []) as Row[];
    await world.serve('alice');
    const film = await world.file('alice', 'film.bin', 3_000_000);
    const album = join(dirname(film), 'album');
    await mkdir(album);
    await writeRandomFile(join(album, 'photo.jpg'), 50_000, 2);
    expect((await world.cli('alice', ['pub', film, album])).code).to.equal(0);

    expect((await world.cli('bob', ['get', 'film.bin'])).code).to.equal(0);
    expect((await world.cli('bob', ['get', 'album'])).code).to.equal(0);
    await world.cli('alice', ['limit', '--up', '1M']);
    const cut = await world.start('bob', ['get', 'film.bin', '--as', 'again.bin']);
    await cut.waitForEvent('transfer', { where: (event) => bytesOf(event) > 500_000 });
    await cut.stop('SIGKILL');

    const rows = await waitFor(async () => {
      const found = await receipts();
      return found.some(({ detail }) => detail.includes(', sent,')) && found;
    });
    expect(rows.map(({ user }) => user)).to.deep.equal(['bob', 'bob', 'bob']);
    const [whole, folder, part] = rows.map(({ detail }) => detail).toReversed();
    expect(whole).to.equal('3000000 of 3000000 bytes of @alice/film.bin from alice, verified, signed by both');
    expect(folder).to.match(/ bytes of @alice\/album from alice, verified, signed by both$/);
    expect(part).to.match(/^\d+ of 3000000 bytes of @alice\/film\.bin from alice, sent, signed by alice alone$/);
    const file = world.path('audit.json');
    await writeFile(file, (await audit()).stdout);
    const verified = await runCli(['admin', 'verify', file], { env: await sharedEnvironment() });
    expect(verified.code, verified.stderr).to.equal(0);
    expect(verified.stdout).to.contain('3 receipts are right: 2 signed by both ends, 1 by one of them.');
    expect(verified.stdout).to.contain(world.tracker.pin);
  }).timeout(60_000);
});

function bytesOf(event: object): number {
  return (event as { transfer: { doneBytes: number } }).transfer.doneBytes;
}
