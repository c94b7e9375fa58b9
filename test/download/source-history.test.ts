import { readFile, stat, writeFile } from 'node:fs/promises';

import { expect } from 'chai';

import { VirtualClock } from '../../common/runtime/clock.js';
import { SourceHistory } from '../../peer/download/source-history.js';
import { sameBytes, type TempDir, tempDir } from '../support/temp.js';
import { waitFor } from '../support/wait-for.js';
import { evilSource } from './evil-source.js';
import { problemOf } from './expect-problem.js';
import { requestFor, World } from './swarm-fixture.js';

const CHUNK = 256 * 1024;
const DAY_MS = 24 * 3_600_000;
const forever = { signal: new AbortController().signal };
const lie = { fileId: 'ab'.repeat(32), device: 'cd'.repeat(32), user: 'mallory', what: 'sent a wrong chunk' };

describe('SourceHistory', () => {
  let dir: TempDir;
  beforeEach(async () => {
    dir = await tempDir();
  });
  afterEach(() => dir[Symbol.asyncDispose]());

  it('is there after a restart, for this file and this device only, for 30 days', async () => {
    const clock = new VirtualClock();
    await new SourceHistory(dir.path, clock).note(lie);
    const later = new SourceHistory(dir.path, clock);
    await later.load();

    expect(later.find(lie.fileId, lie.device)).to.deep.equal({ ...lie, at: clock.now() });
    expect(later.find('00'.repeat(32), lie.device)).to.equal(undefined);
    expect(later.find(lie.fileId, '00'.repeat(32))).to.equal(undefined);
    expect((await stat(dir.join('lies.json'))).mode & 0o077).to.equal(0);
    clock.advance(30 * DAY_MS);
    expect(later.find(lie.fileId, lie.device)).to.equal(undefined);
  });

  it('keeps what two processes noted', async () => {
    const [one, other] = [new SourceHistory(dir.path), new SourceHistory(dir.path)];
    await Promise.all([one.load(), other.load()]);
    await one.note(lie);
    await other.note({ ...lie, device: '11'.repeat(32) });
    const later = new SourceHistory(dir.path);
    await later.load();

    expect(later.find(lie.fileId, lie.device)).to.include({ user: 'mallory' });
    expect(later.find(lie.fileId, '11'.repeat(32))).to.include({ user: 'mallory' });
  });

  it('begins anew when the file is damaged', async () => {
    for (const text of ['', '{', 'null', '[]', '{"v":2,"lies":[]}', '{"v":1,"lies":[null,{"fileId":1}]}']) {
      await writeFile(dir.join('lies.json'), text);
      const history = new SourceHistory(dir.path);
      await history.load();
      await history.note(lie);

      expect(JSON.parse(await readFile(dir.join('lies.json'), 'utf8')).lies).to.have.length(1);
    }
  });
});

describe('a source that lied', () => {
  let world: World;
  beforeEach(async () => {
    world = await World.open();
  });
  afterEach(() => world[Symbol.asyncDispose]());

  it('is not asked again for that file after a restart; the user is told who and what', async () => {
    const publication = await world.publish('film.bin', 4 * CHUNK);
    const liar = await evilSource(world, publication, {
      onChunks: (request, lane) => {
        const bytes = lane.chunk(request.first);
        bytes[0] = (bytes[0] ?? 0) ^ 1;
        lane.run(request.id, request.first * CHUNK, bytes);
      },
    });
    const historyDir = world.dir.path;
    const first = await world.downloads('bob', [publication], { historyDir });
    const problem = await problemOf(first.downloads.get(requestFor(publication, first.folder), forever));
    expect(problem.code).to.equal('integrity');
    expect(first.notices.join('\n')).to.match(/film\.bin: mallory sent .*not used again for this file/);
    expect(liar.lanes, 'one strike').to.have.length(1);
    await first.downloads.stop();

    const second = await world.downloads('bob', [publication], { historyDir });
    const again = await problemOf(second.downloads.get(requestFor(publication, second.folder), forever));
    expect(again.code).to.equal('integrity');
    expect(again.message).to.match(/mallory sent .*, on \d{4}-\d\d-\d\d/);
    const getting = second.downloads.get(requestFor(publication, second.folder), forever);
    await waitFor(() => second.notices.filter((text) => /mallory is not used/.test(text)).length === 2);
    await world.peer('alice', [publication]);
    const row = await getting;

    expect(await sameBytes(publication.path, row.path)).to.equal(true);
    expect(row.sources.find(({ user }) => user === 'mallory')).to.have.nested.property('problem.code', 'integrity');
    expect(liar.lanes, 'never dialled again').to.have.length(1);
  });
});
