import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect } from 'chai';
import { VirtualClock } from '../../common/runtime/clock.js';
import { MainModel } from '../../peer/tui/main-model.js';
import { listingText } from '../../peer/wording/listing.js';
import { transfer } from '../daemon/fake-peer.js';
import { waitFor } from '../support/wait-for.js';
import { FakePeer, type FakeScript } from './fake-peer.js';

const UPLOAD = { name: 'film.mkv', user: 'bob', sentBytes: 0, bytesPerSecond: 0 };

interface Desk {
  readonly model: MainModel;
  readonly peer: FakePeer;
  readonly clock: VirtualClock;
  enter(line: string): void;
  result(): string;
  quits: number;
}

function desk(script: FakeScript = {}): Desk {
  const peer = new FakePeer(script, { user: 'alice', tracker: '127.0.0.1:7465' });
  const clock = new VirtualClock();
  const created: Desk = {
    peer,
    clock,
    quits: 0,
    model: new MainModel({
      peer,
      clock,
      cwd: '/tmp',
      downloads: '/downloads',
      size: { columns: 80, rows: 24 },
      onChange: () => undefined,
      onQuit: () => {
        created.quits += 1;
      },
    }),
    enter(line) {
      created.model.press({ kind: 'text', text: line });
      created.model.press({ kind: 'enter' });
    },
    result: () => listingText(created.model.state().result.layout(80)),
  };
  return created;
}

describe('MainModel', () => {
  it('carries out lines typed ahead in their order', async () => {
    const { enter, peer, result } = desk();

    for (const line of ['lpf', 'lap', 'sch x', 'status']) enter(line);
    await waitFor(() => result().includes('Serving on'), { what: 'the last outcome' });

    expect(peer.calls.map(({ name }) => name)).to.deep.equal(['lpf', 'lap', 'sch', 'status']);
  });

  it('goes on with a list that was cut by next, until its end', async () => {
    const { enter, peer, result } = desk({ manyRows: 10_500 });
    enter('list');
    await waitFor(() => result().includes('see the next page'), { what: 'the first page' });

    enter('next');
    await waitFor(() => result().includes('500 files found'), { what: 'the second page' });
    enter('next');
    await waitFor(() => result().includes('no further page'), { what: 'the end' });

    expect(peer.calls.at(-1)?.input).to.deep.include({ cursor: '10000', mine: true });
  });

  it('fetches into the folder of the settings until dir chooses another', async () => {
    const { enter, peer } = desk({ found: [{ name: 'a.txt' }], getMs: 0 });
    const folders = (): unknown[] =>
      peer.calls.filter(({ name }) => name === 'get').map(({ input }) => (input as { directory?: string }).directory);
    enter('get a.txt');
    await waitFor(() => folders().length === 1, { what: 'the first get' });

    enter('dir sub');
    await waitFor(() => peer.calls.at(-1)?.name === 'dir', { what: 'dir' });
    enter('get a.txt');
    await waitFor(() => folders().length === 2, { what: 'the second get' });

    expect(folders()).to.deep.equal(['/downloads', undefined]);
    expect(peer.calls.find(({ name }) => name === 'dir')?.input).to.deep.equal({ directory: '/tmp/sub' });
  });

  it('goes on after a second with a command that does not answer, and stops it at Ctrl-C', async () => {
    const { clock, enter, model, result } = desk({ stuck: ['sch'] });
    enter('sch x');
    enter('lap');

    await clock.advanceAsync(999);
    expect(result()).to.contain('Working');
    await clock.advanceAsync(1);
    await waitFor(() => result().includes('No active users'), { what: 'the outcome of lap' });

    expect(model.interrupt({ isRepeated: false })).to.equal('stopped');
    await waitFor(() => model.state().messages.at(-1)?.text === 'sch x: Stopped before sch was done.', {
      what: 'the message',
    });
    expect(model.interrupt({ isRepeated: false })).to.equal('nothing');
    expect(result()).to.contain('No active users');
  });

  it('clears the line at Ctrl-C before anything else is asked for', () => {
    const { model } = desk();
    model.press({ kind: 'text', text: 'get x' });

    expect(model.interrupt({ isRepeated: true })).to.equal('cleared');
    expect(model.state().editor.text).to.equal('');
    expect(model.interrupt({ isRepeated: false })).to.equal('nothing');
  });

  for (const [what, state, warning] of [
    ['downloads', { downloads: [transfer('film.mkv')] }, '1 download goes on at the next start, from where it is'],
    ['uploads', { uploads: [UPLOAD, UPLOAD] }, '2 uploads will be cut off'],
  ] as const) {
    it(`warns of ${what} at the first Ctrl-C`, () => {
      const { model, peer } = desk();
      peer.change(state);

      expect(model.interrupt({ isRepeated: false })).to.equal('warned');
      expect(model.state().messages.at(-1)?.text).to.equal(`Ctrl-C again leaves; ${warning}.`);
      expect(model.interrupt({ isRepeated: true })).to.equal('nothing');
    });
  }

  it('does not warn where the transfers go on without it', () => {
    const { model, peer } = desk({ attached: true });
    peer.change({ downloads: [transfer('film.mkv')] });

    expect(model.interrupt({ isRepeated: false })).to.equal('nothing');
  });

  it('tells the outcome of a download as a message when something else is shown by then', async () => {
    const { enter, model, result } = desk({ found: [{}], getMs: 50 });

    enter('get report.pdf');
    enter('lap');
    await waitFor(() => model.state().messages.length > 0, { what: 'the message' });

    expect(model.state().messages.at(-1)).to.include({ level: 'good', text: 'report.pdf downloaded successfully' });
    expect(result()).to.contain('No active users');
  });

  it('shows every notice once, escaped', () => {
    const { model, peer } = desk({ notices: ['one'] });

    peer.notice('two\x1b[2J');
    peer.change({});

    expect(model.state().messages.map(({ text }) => text)).to.deep.equal(['one', 'two<U+001B>[2J']);
  });

  it('leaves on xit, and on Ctrl-D in an empty line only', async () => {
    const created = desk();

    created.model.press({ kind: 'text', text: 'x' });
    created.model.press({ kind: 'end-of-input' });
    expect(created.quits).to.equal(0);
    created.model.press({ kind: 'escape' });
    created.model.press({ kind: 'end-of-input' });
    created.enter('xit');
    await nextTurn();

    expect(created.quits).to.equal(2);
  });

  it('leaves no timer behind', async () => {
    const { clock, enter, model } = desk({
      stuck: ['sch'],
      connection: { kind: 'waiting', problem: { code: 'tracker-unreachable', message: '' }, retryAt: 0 },
    });
    enter('sch x');

    model.stop();
    await waitFor(() => clock.pendingTimers === 0, { what: 'all timers to be gone' });
  });
});
