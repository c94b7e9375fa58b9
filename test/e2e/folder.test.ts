import { chmod, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';

import type { PublishOutcome } from '../../peer/api.js';
import { readTree, writeTree } from '../download/folder-fixture.js';
import { seededBytes } from '../support/temp.js';
import { waitFor } from '../support/wait-for.js';
import { publicationsOf, transferOf } from './json-results.js';
import type { RawSession } from './raw-session.js';
import { inWorld } from './world.js';

const CHUNK = 256 * 1024;
const SMALL = Object.fromEntries(Array.from({ length: 200 }, (_, n) => [`notes/${n}.txt`, `note number ${n}`]));

describe('a folder between real peers', () => {
  it(
    'is published once, found by every path, rebuilt, and kept current while it is watched',
    inWorld({}, async (world) => {
      const root = world.path('alice-folder/project');
      const large = seededBytes(4 * CHUNK, 3);
      await writeTree(root, { ...SMALL, 'data/large.bin': large, 'run.sh': '#!/bin/sh\n' });
      await chmod(join(root, 'run.sh'), 0o755);
      await world.serve('alice');
      const downloads = world.path('bob-folder');

      const published = await world.cli('alice', ['pub', '--watch', root]);
      const found = publicationsOf(await world.cli('bob', ['sch', 'notes/123']));
      const got = await world.cli('bob', ['get', 'project'], { downloads });
      const one = await world.cli('bob', ['get', '@alice/project/data/large.bin'], { downloads });

      const [outcome] = (published.result as unknown as { outcomes: PublishOutcome[] }).outcomes;
      expect(outcome).to.have.nested.property('publication.files', 202);
      expect(found.map(({ name, path }) => `${name} ${path}`)).to.deep.equal(['project notes/123.txt']);
      expect(transferOf(got)).to.deep.include({ files: { done: 202, total: 202 } });
      expect(one.code, one.stderr).to.equal(0);
      expect(await readTree(join(downloads, 'project'))).to.deep.equal(await readTree(root));

      await writeFile(join(root, 'notes/5.txt'), 'another note');
      await rename(join(root, 'data'), join(root, 'moved'));
      await rm(join(root, 'notes/6.txt'));
      large.fill(1, 0, 5);
      await writeFile(join(root, 'moved/large.bin'), large);
      using session = await world.rawSession('bob');
      const isTold = async (): Promise<boolean> =>
        (await pathsFound(session, 'moved/large')).length === 1 && (await pathsFound(session, 'notes/6.')).length === 0;
      await waitFor(isTold, { what: 'search knows the folder as it is now', timeoutMs: 30_000 });
      const updated = await world.cli('bob', ['get', 'project', '--force'], { downloads });

      const transfer = transferOf(updated);
      const tree = await readTree(join(downloads, 'project'));
      expect(transfer.receivedBytes, 'what the disk had was not fetched').to.be.below(large.length + 60_000);
      for (const [path, content] of await readTree(root)) expect(tree.get(path), path).to.equal(content);
    }),
  );
});

async function pathsFound(session: RawSession, text: string): Promise<string[]> {
  const reply = await session.request('searchPaths', { text });
  return reply.ok ? reply.paths.map(({ path }) => path) : [];
}
