import { expect } from 'chai';
import { CryptoProcess } from '../../tracker/auth/crypto-process.js';
import {
  HashQueue,
  MAX_WAITING_HASHES,
  MAX_WAITING_PER_KNOWN_USER,
  MAX_WAITING_PER_SOURCE,
} from '../../tracker/auth/hash-queue.js';
import { waitFor } from '../support/wait-for.js';
import type { RawTcp } from './raw-client.js';
import { userOf } from './raw-messages.js';
import { TestTracker } from './test-tracker.js';

describe('the queue of password hashes', () => {
  let queue: HashQueue<string>;
  let refused: string[];
  beforeEach(() => {
    queue = new HashQueue();
    refused = [];
  });

  const push = (source: string, job: string): boolean => queue.push({ source }, job, (other) => refused.push(other));
  const pushKnown = (knownUser: string, job: string): boolean =>
    queue.push({ knownUser }, job, (other) => refused.push(other));
  const all = (): (string | undefined)[] => Array.from({ length: queue.size }, () => queue.shift());

  it('says before a job comes whether it would be taken', () => {
    for (let job = 0; job < MAX_WAITING_HASHES; job += 1) push(job % 2 === 0 ? '10.0.0.1' : '10.0.0.2', `${job}`);

    expect(queue.hasRoom({ source: '10.0.0.1' })).to.equal(false);
    expect(queue.hasRoom({ source: '10.0.0.3' })).to.equal(true); // a longer lane would make way
    expect(queue.hasRoom({ knownUser: 'alice' })).to.equal(true);
    expect(queue.size).to.equal(MAX_WAITING_HASHES);
  });

  it('gives sources turns, however many jobs one of them has', () => {
    for (const job of ['a1', 'a2', 'a3']) push('10.0.0.1', job);
    push('10.0.0.2', 'b1');
    pushKnown('alice', 'k1');

    expect(all()).to.deep.equal(['a1', 'b1', 'k1', 'a2', 'a3']);
    expect(queue.shift()).to.equal(undefined);
  });

  it(`holds ${MAX_WAITING_PER_SOURCE} of one source and ${MAX_WAITING_HASHES} of all; what is taken out makes room`, () => {
    for (let job = 0; job < MAX_WAITING_PER_SOURCE; job += 1) expect(push('10.0.0.1', `a${job}`)).to.equal(true);
    expect(push('10.0.0.1', 'one more')).to.equal(false);
    for (let job = 0; job < MAX_WAITING_PER_SOURCE; job += 1) expect(push('10.0.0.2', `b${job}`)).to.equal(true);
    expect(queue.size).to.equal(MAX_WAITING_HASHES);

    queue.shift();

    expect(push('10.0.0.1', 'one more')).to.equal(true);
    expect(refused).to.deep.equal([]);
  });

  it('lets a source that waits less in when it is full: the newest job of the one with most makes way', () => {
    for (let job = 0; job < MAX_WAITING_PER_SOURCE; job += 1) push('10.0.0.1', `a${job}`);
    for (let job = 0; job < MAX_WAITING_PER_SOURCE; job += 1) push('10.0.0.2', `b${job}`);

    expect(push('10.0.0.3', 'c')).to.equal(true);

    expect(refused).to.deep.equal([`a${MAX_WAITING_PER_SOURCE - 1}`]);
    expect(queue.size).to.equal(MAX_WAITING_HASHES);
  });

  it('refuses another source when each has but one job, and never a known device', () => {
    for (let host = 0; host < MAX_WAITING_HASHES; host += 1) push(`10.0.1.${host}`, `${host}`);

    expect(push('10.0.0.9', 'late')).to.equal(false);
    expect(pushKnown('alice', 'known')).to.equal(true);
    expect(refused).to.deep.equal([]);
  });

  it(`holds ${MAX_WAITING_PER_KNOWN_USER} of the known devices of one user`, () => {
    for (let job = 0; job < MAX_WAITING_PER_KNOWN_USER; job += 1) expect(pushKnown('alice', `${job}`)).to.equal(true);

    expect(pushKnown('Alice', 'one more')).to.equal(false);
    expect(pushKnown('bob', 'other')).to.equal(true);
  });
});

describe('logins while others fill the queue of hashes with made-up names', () => {
  let tracker: TestTracker;
  beforeEach(async () => {
    tracker = await TestTracker.start({ hasher: new CryptoProcess() });
  });
  afterEach(() => tracker[Symbol.asyncDispose]());

  /** Three hosts with thirty logins each: more than may wait. */
  async function flood(): Promise<void> {
    const bots: RawTcp[] = [];
    for (let bot = 0; bot < 90; bot += 1) bots.push(await tracker.tcp(`127.0.0.${2 + (bot % 3)}`));
    for (const [index, bot] of bots.entries()) {
      bot.write(`${JSON.stringify(tracker.login(userOf(`made-up-${index}`)))}\n`);
    }
    await waitFor(() => bots.some(({ messages }) => messages.some(({ error }) => error?.code === 'busy')));
  }

  it('succeed from a device that has logged in before, also from the host of the attacker', async () => {
    const alice = userOf('alice');
    await tracker.enterTcp(alice, { serving: false });
    await flood();

    const reply = await (await tracker.tcp('127.0.0.2')).ask(tracker.login(alice, { serving: false }));

    expect(reply.error).to.equal(undefined);
  });

  it('succeed from a new device on another host', async () => {
    await flood();

    const reply = await (await tracker.tcp('127.0.0.9')).ask(tracker.login(userOf('bob')));

    expect(reply.error).to.equal(undefined);
  });
});
