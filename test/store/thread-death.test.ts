import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { PassThrough } from 'node:stream';
import type { Worker } from 'node:worker_threads';
import { expect } from 'chai';
import { systemClock } from '../../common/runtime/clock.js';
import { currentHost } from '../../common/runtime/host.js';
import { parsePin } from '../../common/wire/identity.js';
import { runProgram } from '../../tracker/cli/program.js';
import { ReadsBeside } from '../../tracker/store/reads-beside.js';
import { openSqliteStore } from '../../tracker/store/sqlite-store.js';
import type { Store } from '../../tracker/store/store.js';
import { tempDir } from '../support/temp.js';
import { waitFor } from '../support/wait-for.js';
import { RawTcp } from '../tracker/raw-client.js';
import { loginOf, request, userOf } from '../tracker/raw-messages.js';
import { TestTracker } from '../tracker/test-tracker.js';
import { addUsers, deviceOf, entry, namesFound, publish, query } from './store-samples.js';

/** The threads that this process starts from now on, the newest last. */
class ThreadList implements Disposable {
  readonly started: Worker[] = [];
  onStart: (thread: Worker) => void = () => undefined;
  readonly #note = (thread: Worker): void => {
    this.started.push(thread);
    this.onStart(thread);
  };

  constructor() {
    process.on('worker', this.#note);
  }

  last(name: 'store' | 'search'): Worker {
    const found = this.started.findLast(({ threadName }) => threadName === name);
    if (found === undefined) throw new Error(`no thread ${name} was started`);
    return found;
  }

  async kill(name: 'store' | 'search'): Promise<void> {
    await this.last(name).terminate();
  }

  [Symbol.dispose](): void {
    process.off('worker', this.#note);
  }
}

describe('a thread of the store that dies', () => {
  let cleanUp: AsyncDisposableStack;
  let threads: ThreadList;
  let notices: string[];
  beforeEach(() => {
    cleanUp = new AsyncDisposableStack();
    threads = cleanUp.use(new ThreadList());
    notices = [];
  });
  afterEach(() => cleanUp.disposeAsync());

  async function open(): Promise<Store> {
    const path = cleanUp.use(await tempDir()).join('tracker.sqlite');
    const options = { path, isTracker: true, onNotice: (notice: string) => void notices.push(notice) };
    const store = cleanUp.adopt(await openSqliteStore(options), (opened) => opened.close());
    await addUsers(store, 'alice', 'bob');
    await publish(store, { user: 'alice' }, entry('from alice'));
    await publish(store, { user: 'bob' }, entry('from bob'));
    return store;
  }

  it('is replaced at the next search, which knows who is online, and says so', async () => {
    const store = await open();
    await store.setLive({ devices: [{ user: 'bob', device: deviceOf('bob'), isLive: true }], publications: [] });

    await threads.kill('search');

    expect(await namesFound(store, query('', { liveOnly: true }))).to.deep.equal(['from bob']);
    expect(notices).to.have.length(1);
    expect(notices[0]).to.match(/search thread has died: .*; the next search starts another one/);
  });

  it('is started again once a second at most when it dies at once each time, and writes go on', async () => {
    const store = await open();
    threads.onStart = (thread) => void thread.once('online', () => thread.terminate());
    await threads.kill('search');
    const before = threads.started.length;
    const startedAt = performance.now();

    for (let tries = 0; tries < 20; tries += 1)
      expect(await store.search(query('')).catch((error) => error)).to.have.property('code', 'stopped');

    const mostStarts = 1 + (performance.now() - startedAt) / 1_000;
    expect(threads.started.length - before).to.be.at.most(mostStarts);
    await publish(store, { user: 'alice' }, entry('later'));
  });

  it('leaves no read behind that moving pages would wait for', () => {
    const reads = new ReadsBeside(ReadsBeside.shared());
    reads.begin();

    reads.abandon();

    const startedAt = performance.now();
    reads.waitForPresent(60_000);
    expect(performance.now() - startedAt).to.be.below(30_000);
  });

  it('has a search that waits for it answered "busy": a moment later it works', async () => {
    const tracker = cleanUp.use(await TestTracker.start());
    const { client } = await tracker.enterTcp('alice');
    await threads.kill('search');
    threads.onStart = (thread) => void thread.once('online', () => thread.terminate());

    const reply = await client.ask(request('search', { text: '' }));

    expect(reply).to.have.nested.include({ ok: false, 'error.code': 'busy', 'error.retryAfterMs': 1_000 });
    threads.onStart = () => undefined;
    const later = await waitFor(async () => {
      const again = await client.ask(request('search', { text: '' }));
      return again.ok && again;
    });
    expect(later.ok).to.equal(true);
  });

  it('ends the tracker, which tells its peers and says why, when it is the one that writes', async () => {
    const dir = cleanUp.use(await tempDir());
    const stop = new AbortController();
    const [stdout, stderr] = [new PassThrough({ encoding: 'utf8' }), new PassThrough({ encoding: 'utf8' })];
    await writeFile(dir.join('users'), `alice ${userOf('alice').password}\n`);
    const words = ['tracker', '--json', '--port', '0', '--data', dir.join('data'), '--credentials', dir.join('users')];
    const ended = runProgram(words, {
      host: { ...currentHost(), env: {}, home: dir.path },
      stdin: process.stdin,
      stdout,
      stderr,
      signal: stop.signal,
      clock: systemClock,
    });
    cleanUp.defer(async () => {
      stop.abort();
      await ended;
    });
    const { port, pin } = JSON.parse(String((await once(stdout, 'data'))[0])) as { port: number; pin: string };
    const client = cleanUp.use(await RawTcp.open({ host: '127.0.0.1', port, pin: parsePin(pin) }));
    await client.ask(loginOf(userOf('alice'), parsePin(pin)));
    const goodbye = client.event('shutting-down');

    await threads.kill('store');

    await goodbye;
    expect(await ended).to.equal(1);
    expect(String(stderr.read())).to.match(
      /shoal tracker: the tracker's store thread has died: it ended with code 1\n$/,
    );
  });
});
