/** F01, F02: kill -9 of a real tracker under load loses nothing that was acknowledged and invents nothing. */
import { expect } from 'chai';
import type { TrackerHandle } from '../support/program.js';
import { integerBetween, randomFrom, seedFor } from '../support/seed.js';
import { tempDir } from '../support/temp.js';
import { waitFor } from '../support/wait-for.js';
import { RawTcp } from './raw-client.js';
import { loginOf, type RawGrant, type RawRequest, type RawUser, request, resumeOf, userOf } from './raw-messages.js';
import { grantOf } from './test-tracker.js';
import { killHard, placeOf, startTrackerProcess } from './tracker-process.js';

const KILLS = 4;
const USERS = ['alice', 'bob', 'carol', 'dave'];
const NAMES_PER_USER = 12;

type Outcome = 'present' | 'absent';

/** One user who publishes and withdraws without pause, and notes what the tracker has acknowledged. */
class Worker {
  readonly #known = new Map<string, Outcome>();
  readonly #uncertain = new Map<string, { request: RawRequest; becomes: Outcome }>();
  readonly #user: RawUser;
  #acks: string[] = [];
  #grant: RawGrant | undefined;
  acknowledged = 0;

  constructor(
    name: string,
    private readonly random: () => number,
  ) {
    this.#user = userOf(name);
  }

  async connect(tracker: TrackerHandle): Promise<RawTcp> {
    const place = placeOf(tracker);
    const client = await RawTcp.open(place);
    const entry = this.#grant === undefined ? loginOf(this.#user, place.pin) : resumeOf(this.#grant);
    this.#grant = grantOf(await client.ask(entry));
    return client;
  }

  /** First settles what was left open by the last kill: the same ids again, as a client does. */
  async work(client: RawTcp): Promise<void> {
    for (const { request: open } of [...this.#uncertain.values()]) await this.#send(client, open);
    for (;;) await this.#send(client, this.#next());
  }

  #next(): RawRequest {
    const name = `file ${integerBetween(this.random, 1, NAMES_PER_USER)}`;
    const isPresent = this.#known.get(name) === 'present';
    const made = isPresent
      ? request('unpublish', { names: [name] })
      : request('publish', { entries: [{ name, fileId: 'ab'.repeat(32), size: 1, kind: 'file' }] });
    this.#uncertain.set(name, { request: made, becomes: isPresent ? 'absent' : 'present' });
    return made;
  }

  async #send(client: RawTcp, made: RawRequest): Promise<void> {
    const acks = this.#acks;
    const reply = await client.ask({ ...made, acks });
    if (!reply.ok) throw new Error(`refused: ${JSON.stringify(reply.error)}`);
    expect(reply['results'][0].ok, JSON.stringify(reply)).to.equal(true);
    this.#acks = [made.id];
    for (const [name, open] of this.#uncertain) {
      if (open.request.id !== made.id) continue;
      this.#known.set(name, open.becomes);
      this.#uncertain.delete(name);
      this.acknowledged += 1;
    }
  }

  /** What is listed must be what was acknowledged; only the one request in the air may be either way. */
  async check(client: RawTcp): Promise<void> {
    const listed = new Set(
      ((await client.ask(request('listPublished', { limit: 1_000 })))['publications'] as { name: string }[]).map(
        ({ name }) => name,
      ),
    );
    for (const [name, outcome] of this.#known) {
      if (!this.#uncertain.has(name))
        expect(listed.has(name), `${this.#user.user}: ${name}`).to.equal(outcome === 'present');
    }
    for (const name of listed)
      expect(this.#known.get(name) === 'present' || this.#uncertain.has(name), `invented: ${name}`).to.equal(true);
  }
}

describe('a tracker that is killed', () => {
  it(`${KILLS} times under load keeps every acknowledged change, applies each once, and needs no password again`, async () => {
    const random = randomFrom(seedFor('kill under load'));
    await using dir = await tempDir();
    const options = { data: dir.join('data'), users: USERS };
    let tracker = await startTrackerProcess(options);
    const { port } = tracker;
    const workers = USERS.map((name) => new Worker(name, random));
    for (let kill = 0; kill < KILLS; kill += 1) {
      const clients = await Promise.all(workers.map((worker) => worker.connect(tracker)));
      for (const [index, worker] of workers.entries()) await worker.check(clients[index]!);
      const before = workers.reduce((sum, { acknowledged }) => sum + acknowledged, 0);
      const working = workers.map((worker, index) => worker.work(clients[index]!).catch((error: Error) => error));
      const wanted = before + integerBetween(random, 1, 60);
      await waitFor(() => workers.reduce((sum, { acknowledged }) => sum + acknowledged, 0) >= wanted, {
        what: 'some acknowledged changes',
      });
      await killHard(tracker);
      for (const error of await Promise.all(working)) expect((error as Error).message).to.match(/closed/);
      for (const client of clients) await client[Symbol.asyncDispose]();
      await tracker[Symbol.asyncDispose]();
      tracker = await startTrackerProcess({ ...options, port });
    }
    for (const worker of workers) {
      await using client = await worker.connect(tracker);
      await worker.check(client);
    }
    await tracker[Symbol.asyncDispose]();
  }).timeout(120_000);
});
