import { mkdir, readdir, readFile, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import fc from 'fast-check';
import type { Publication, TestPeer } from '../download/swarm-fixture.js';
import { DepotWorld } from '../peer/depot/depot-fixture.js';
import { seedFor } from '../support/seed.js';
import { seededBytes } from '../support/temp.js';
import { waitFor } from '../support/wait-for.js';

const FILES = 3;
const RUNS = 40;

type Step =
  | { readonly do: 'want' | 'drop' | 'damage' | 'touch' | 'suspect'; readonly file: number }
  | { readonly do: 'ownerLeaves' | 'ownerComes' | 'restart' | 'trackerForgets' | 'trackerRemembers' | 'loseRecords' }
  | { readonly do: 'trouble'; readonly code: 'EIO' | 'EMFILE' | 'EACCES' };

const file = fc.nat({ max: FILES - 1 });
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('want' as const), file }) },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constantFrom('drop' as const, 'damage' as const, 'touch' as const, 'suspect' as const),
      file,
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constantFrom(
        ...(['ownerLeaves', 'ownerComes', 'restart', 'trackerForgets', 'trackerRemembers', 'loseRecords'] as const),
      ),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('trouble' as const), code: fc.constantFrom('EIO', 'EMFILE', 'EACCES') }),
  },
);

describe('a depot through any history of accidents', function () {
  this.timeout(600_000);

  it('never loses a whole copy that nobody removed, and serves every wanted one in the end', async () => {
    const history = fc.array(step, { minLength: 6, maxLength: 18 });
    await fc.assert(fc.asyncProperty(history, live), {
      seed: seedFor('depot histories'),
      numRuns: RUNS,
      endOnFailure: true,
    });
  });
});

async function live(steps: readonly Step[]): Promise<void> {
  await using world = await DepotWorld.open();
  const history = await History.begin(world);
  for (const one of steps) {
    await history.take(one);
    await history.judge();
  }
  await history.end();
}

class History {
  #owner: TestPeer | undefined;
  #remembered: [string, never][] | undefined;
  /** Was stored whole, and nobody has removed or damaged it since. */
  readonly #whole = new Set<Publication>();

  private constructor(
    private readonly world: DepotWorld,
    private readonly files: readonly Publication[],
  ) {}

  static async begin(world: DepotWorld): Promise<History> {
    const files: Publication[] = [];
    for (let index = 0; index < FILES; index += 1)
      files.push(await world.published(`file-${index}`, 900 + index, index));
    const history = new History(world, files);
    await history.#ownerComes();
    for (const one of files) world.tracker.want(one);
    await world.start();
    await waitFor(() => files.every((one) => world.tracker.isStored(one)), { what: 'all to be stored at first' });
    await history.judge();
    return history;
  }

  async take(one: Step): Promise<void> {
    const { world, files } = this;
    const { tracker } = world;
    const chosen = files['file' in one ? one.file : 0]!;
    if (one.do === 'want') tracker.want(chosen);
    else if (one.do === 'drop') {
      if (tracker.rows.has(chosen.publicationId)) this.#whole.delete(chosen);
      tracker.drop(chosen);
    } else if (one.do === 'damage') await this.#damage(chosen);
    else if (one.do === 'touch') await utimes(world.pathOf(chosen), 1, 1).catch(() => undefined);
    else if (one.do === 'suspect') world.depot.suspect(chosen.publicationId);
    else if (one.do === 'trouble') world.hasher.trouble = one.code;
    else if (one.do === 'ownerLeaves') await this.#ownerLeaves();
    else if (one.do === 'ownerComes') await this.#ownerComes();
    else if (one.do === 'trackerForgets') {
      this.#remembered ??= [...tracker.rows] as [string, never][];
      tracker.rows.clear();
      world.depot.loggedIn();
    } else if (one.do === 'trackerRemembers') this.#remember();
    else await this.#restart(one.do === 'loseRecords');
    world.depot.told();
    await this.#calm();
  }

  /** What must be on the disk, wherever it was put. */
  async judge(): Promise<void> {
    const { tracker } = this.world;
    for (const one of this.files) {
      const isWanted = tracker.rows.get(one.publicationId)?.do === 'fetch';
      if (isWanted && tracker.isStored(one) && (await this.#isAt(one))) this.#whole.add(one);
    }
    // It may be on its way between two places while one looks.
    for (const one of this.#whole)
      expect((await this.#isAnywhere(one)) || (await this.#isAnywhere(one)), `${one.name} is lost`).to.equal(true);
  }

  /** With everybody back, what is wanted is stored and served. */
  async end(): Promise<void> {
    const { world } = this;
    this.#remember();
    await this.#ownerComes();
    world.hasher.trouble = undefined;
    await this.#restart(false);
    const wanted = this.files.filter(({ publicationId }) => world.tracker.rows.get(publicationId)?.do === 'fetch');
    const isServed = ({ publicationId, fileId }: Publication): boolean =>
      world.copies.shared.find(publicationId, fileId) !== undefined;
    await waitFor(
      async () => {
        await world.pass();
        const areWhole = await Promise.all(wanted.map((one) => this.#isAt(one)));
        return wanted.every((one, index) => areWhole[index] === true && isServed(one) && world.tracker.isStored(one));
      },
      { what: 'all that is wanted to be whole, stored and served', timeoutMs: 40_000 },
    );
  }

  async #damage(chosen: Publication): Promise<void> {
    this.#whole.delete(chosen);
    const path = this.world.pathOf(chosen);
    if ((await readFile(path).catch(() => undefined)) === undefined) return;
    await writeFile(path, seededBytes(chosen.size, 99));
    this.world.depot.suspect(chosen.publicationId);
  }

  #remember(): void {
    const { tracker, depot } = this.world;
    for (const [id, row] of this.#remembered ?? []) if (!tracker.rows.has(id)) tracker.rows.set(id, row);
    this.#remembered = undefined;
    depot.loggedIn();
  }

  async #restart(withoutRecords: boolean): Promise<void> {
    const { world } = this;
    await world.stop();
    if (withoutRecords) await world.loseRecords();
    await world.start();
  }

  async #ownerComes(): Promise<void> {
    this.#owner ??= await this.world.world.peer('alice', this.files);
  }

  async #ownerLeaves(): Promise<void> {
    if (this.#owner !== undefined) await this.world.leave(this.#owner);
    this.#owner = undefined;
  }

  /** Nothing is read or fetched any more, and the list was looked at since. */
  async #calm(): Promise<void> {
    const { world } = this;
    for (let round = 0; round < 3; round += 1) {
      const { looks } = world.tracker;
      world.depot.told();
      await waitFor(
        () =>
          world.tracker.looks > looks && world.hasher.running === 0 && (this.#owner === undefined || !world.isFetching),
      );
    }
  }

  async #isAt(one: Publication): Promise<boolean> {
    return isContent(one, this.world.pathOf(one));
  }

  async #isAnywhere(one: Publication): Promise<boolean> {
    await mkdir(join(this.world.dir, 'trash'), { recursive: true });
    const trash = await readdir(join(this.world.dir, 'trash'));
    const places = trash.map((name) => join(this.world.dir, 'trash', name, one.fileId));
    for (const path of [this.world.pathOf(one), ...places]) if (await isContent(one, path)) return true;
    return false;
  }
}

async function isContent({ path: original }: Publication, path: string): Promise<boolean> {
  const [there, wanted] = [await readFile(path).catch(() => undefined), await readFile(original)];
  return there?.equals(wanted) === true;
}
