// One publisher and many downloaders, each a real `shoal serve` at the end of a link of its own.
import { mkdir } from 'node:fs/promises';

import type { Peer, TransferRow } from '../../peer/api.js';
import { attachLocal } from '../../peer/daemon/attached-peer.js';
import { localSocketPath } from '../../peer/daemon/local-path.js';
import { type ServeHandle, startServe, startTracker, type TrackerHandle } from '../../test/support/program.js';
import { shoalCommand } from '../../test/support/shoal-command.js';
import type { TempDir } from '../../test/support/temp.js';
import type { Link, Network } from './network.js';

const PASSWORD = 'a password for the swarm';
const DEADLINE_MS = 600_000;

export interface Downloader {
  readonly peer: Peer;
  readonly downloads: string;
}

/** How one downloader did. */
export interface Finish {
  readonly seconds: number;
  readonly row: TransferRow;
}

export class SwarmWorld implements AsyncDisposable {
  private constructor(
    readonly publisherLink: Link,
    readonly downloaders: readonly Downloader[],
    private readonly owned: AsyncDisposableStack,
  ) {}

  /** Starts everything and publishes `source`. */
  static async open(
    network: Network,
    { dir, source, rate, count }: { dir: TempDir; source: string; rate: number; count: number },
  ): Promise<SwarmWorld> {
    await using owned = new AsyncDisposableStack();
    const users = Array.from({ length: count }, (_, n) => `reader${n + 1}`);
    const credentials = Object.fromEntries(['publisher', ...users].map((user) => [user, PASSWORD]));
    const { hub } = network;
    const command = hub.inside(shoalCommand());
    const tracker = owned.use(await startTracker({ credentials, host: hub.host, data: dir.join('tracker'), command }));
    const publisherLink = await network.addLink(rate);
    const publisher = owned.use(await serve('publisher', { dir, tracker, link: publisherLink }));
    const published = await publisher.run(['pub', source], { json: true });
    if (published.code !== 0)
      throw new Error(`the file could not be published: ${published.stdout}${published.stderr}`);
    const downloaders: Downloader[] = [];
    for (const user of users) {
      const handle = owned.use(await serve(user, { dir, tracker, link: await network.addLink(rate) }));
      const peer = await attached(handle, tracker);
      owned.defer(() => peer.close());
      downloaders.push({ peer, downloads: handle.downloads });
    }
    return new SwarmWorld(publisherLink, downloaders, owned.move());
  }

  /** All fetch `name` at the same moment; resolves when the last one has it. */
  async fetchAll(name: string): Promise<Finish[]> {
    const signal = AbortSignal.timeout(DEADLINE_MS);
    const startedAt = performance.now();
    return Promise.all(
      this.downloaders.map(async ({ peer, downloads }) => {
        const { transfer } = await peer.call(
          'get',
          { selector: `@publisher/${name}`, directory: downloads },
          { signal },
        );
        return { seconds: (performance.now() - startedAt) / 1_000, row: transfer };
      }),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.owned.disposeAsync();
  }
}

async function serve(
  user: string,
  { dir, tracker, link }: { dir: TempDir; tracker: TrackerHandle; link: Link },
): Promise<ServeHandle> {
  const data = dir.join(user);
  const command = link.inside(shoalCommand());
  const places = { data, downloads: dir.join(`${user}-downloads`) };
  await mkdir(places.downloads);
  return startServe({ tracker, user, password: PASSWORD, command, args: ['--host', link.host], ...places });
}

async function attached({ data, user }: ServeHandle, { pin }: TrackerHandle): Promise<Peer> {
  const path = localSocketPath({ dataDir: data, pin, user }, process.platform);
  const peer = await attachLocal(path, { signal: AbortSignal.timeout(10_000) });
  if (peer === undefined) throw new Error(`the peer of ${user} does not answer at ${path}`);
  return peer;
}
