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

  it('goes on after a second with a command that does not answer, and stops it at Ctrl-C', async () => {
    const { clock, enter, model, result } = desk({ stuck: ['sch'] });
    enter('sch x');
    enter('lap');

    await clock.advanceAsync(999);
    expect(result()).to.contain('Working');
    await clock.advanceAsync(1);
    await waitFor(() => result().includes('No active users'), { what: 'the outcome of lap' });

    expect(model.interrupt({ isRepeated: false })).to.equal('stopped');
    await waitFor(() => model.state().messages.at(-1)?.text === 'sch x: Stopped', { what: 'the message' });
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
