/** F06 with seeds: a downloader that is killed again and again, wherever that hits it, ends with the file, and fetches little twice. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { expect } from 'chai';

import type { ChildOutcome, ChildTask } from '../download/download-child.js';
import { type EvilLane, type EvilSource, evilSource, type Line } from '../download/evil-source.js';
import { type Publication, requestFor, World } from '../download/swarm-fixture.js';
import { listProcess } from '../support/leftovers.js';
import { type Random, randomFrom, seedFor } from '../support/seed.js';
import { sameBytes } from '../support/temp.js';

const CHILD = fileURLToPath(new URL('../download/download-child.js', import.meta.url));
const CHUNK = 256 * 1024;
const KILLS = 15;
/** How many chunks may be on their way before a kill, and a file that so many kills cannot finish. */
const MOST_BEFORE_KILL = 20;
const CHUNKS = (KILLS + 10) * MOST_BEFORE_KILL;
/** Between two chunks: 50 MiB a second. */
const PACE_MS = 5;
const LABELS = ['chunk-verified', 'chunk-written', 'before-fsync'] as const;

/** What a socket hands over at once: it may hold the begin of the next chunk. */
const READ_BYTES = 64 * 1024;

for (const { threadFromBytes, sourceCount } of [
  { threadFromBytes: Number.MAX_SAFE_INTEGER, sourceCount: 1 },
  { threadFromBytes: 1, sourceCount: 1 },
  { threadFromBytes: 1, sourceCount: 3 },
]) {
  const where = threadFromBytes === 1 ? 'a thread' : 'its main thread';
  const from = sourceCount === 1 ? 'one source' : `${sourceCount} sources`;
  describe(`a downloader that writes in ${where}, fetches from ${from} and is killed ${KILLS} times`, function () {
    this.timeout(180_000);

    it('ends with the right file, shows none before, and loses at most one chunk a source', async () => {
      await using world = await World.open();
      const random = randomFrom(seedFor(`killed-downloader, ${where}, ${from}`));
      const publication = await world.publish('film.bin', CHUNKS * CHUNK);
      const sources: PacedSource[] = [];
      for (let index = 0; index < sourceCount; index += 1)
        sources.push(await pacedSource(world, publication, `source-${index}`));
      const reader = await world.downloads('bob', []);
      const target = join(reader.folder, 'film.bin');
      const task: ChildTask & { readonly countFile: string } = {
        identity: world.dir.join('bob.pem'),
        request: requestFor(publication, reader.folder),
        sources: {
          fileId: publication.fileId,
          size: publication.size,
          revision: 1,
          sources: sources.map(({ evil }) => evil.offer),
          ticket: world.ticketFor(publication, reader.identity.pin),
        },
        threadFromBytes,
        countFile: world.dir.join('count'),
      };
      const original = readFileSync(publication.path);
      const lost: number[] = [];
      for (let held = 0; lost.length < KILLS; ) {
        await runChild(task, { sources, fault: faultFrom(random) });
        expect(existsSync(target), 'a file before it is whole').to.equal(false);
        const now = rightChunks(reader.folder, original);
        lost.push(takenBytes(task.countFile) - (now - held) * CHUNK);
        held = now;
      }
      const { code, resumedBytes = 0, receivedBytes = 0, duplicateBytes = 0 } = await runChild(task, { sources });

      const shown = lost.map((bytes) => bytes / CHUNK).toSorted((a, b) => a - b);
      print(`chunks lost by each kill, writing in ${where}, from ${from}: ${shown.map((n) => n.toFixed(1)).join(' ')}`);
      expect(code).to.equal('done');
      expect(receivedBytes - duplicateBytes + resumedBytes).to.equal(publication.size);
      expect(await sameBytes(publication.path, target)).to.equal(true);
      expect(readdirSync(reader.folder)).to.deep.equal(['film.bin']);
      expect(Math.max(...lost)).to.be.at.most(sourceCount * (CHUNK + READ_BYTES));
    });
  });
}

/** Bytes of chunks that the killed process had taken from the network. */
function takenBytes(countFile: string): number {
  if (!existsSync(countFile)) return 0;
  const bytes = readFileSync(countFile);
  rmSync(countFile);
  return bytes.length === 0 ? 0 : bytes.readDoubleLE();
}

interface PacedSource {
  readonly evil: EvilSource;
  /** Called with each chunk that is sent. */
  onSent: () => void;
}

/** Sends one chunk after the other, each some time after the one before. */
async function pacedSource(world: World, publication: Publication, user: string): Promise<PacedSource> {
  const turns = new Map<EvilLane, Promise<void>>();
  const onChunks = async ({ id, first, count }: Line, lane: EvilLane): Promise<void> => {
    const before = turns.get(lane);
    const send = async (): Promise<void> => {
      await before;
      for (let index = first; index < first + count && !lane.socket.destroyed; index += 1) {
        await pause(PACE_MS);
        if (lane.socket.destroyed) return;
        lane.run(id, index * CHUNK, lane.chunk(index));
        source.onSent();
      }
      lane.line({ type: 'end', id });
    };
    turns.set(lane, send());
  };
  const source: PacedSource = {
    evil: await evilSource(world, publication, { onChunks }, user),
    onSent: () => undefined,
  };
  return source;
}

/** A kill comes at a step, or when so many chunks were sent and some time has gone by, whichever is first. */
interface Fault {
  readonly at: string;
  readonly afterChunks: number;
  readonly andMs: number;
}

function faultFrom(random: Random): Fault {
  const label = LABELS[Math.floor(random() * LABELS.length)];
  return {
    at: `${label}:${1 + Math.floor(random() * MOST_BEFORE_KILL)}`,
    afterChunks: 1 + Math.floor(random() * MOST_BEFORE_KILL),
    andMs: random() * PACE_MS,
  };
}

async function runChild(
  task: ChildTask,
  { sources, fault }: { sources: readonly PacedSource[]; fault?: Fault },
): Promise<ChildOutcome> {
  const faults = fault === undefined ? {} : { SHOAL_TEST_FAULTS: '1', FAULT_AT: fault.at };
  const child = spawn(process.execPath, [CHILD], {
    env: { ...process.env, DOWNLOAD_TASK: JSON.stringify(task), ...faults },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  let sent = 0;
  const onSent = (): void => {
    sent += 1;
    if (sent === fault?.afterChunks) setTimeout(() => child.kill('SIGKILL'), fault.andMs);
  };
  for (const source of sources) source.onSent = onSent;
  const done = listProcess(child.pid ?? 0, 'a downloading process');
  let text = '{"code":"killed"}';
  child.stdout.setEncoding('utf8').on('data', (part: string) => {
    text = part;
  });
  await once(child, 'close');
  done();
  return JSON.parse(text) as ChildOutcome;
}

/** What a killed process has left that is right. */
function rightChunks(folder: string, original: Buffer): number {
  const name = readdirSync(folder).find((each) => each.endsWith('.part'));
  if (name === undefined) return 0;
  const part = readFileSync(join(folder, name));
  let right = 0;
  for (let at = 0; at < part.length; at += CHUNK)
    if (part.subarray(at, at + CHUNK).equals(original.subarray(at, at + CHUNK))) right += 1;
  return right;
}

function print(line: string): void {
  process.stdout.write(`      ${line}\n`);
}
