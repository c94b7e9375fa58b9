import { expect } from 'chai';
import { VirtualClock } from '../../common/runtime/clock.js';
import { type PeerDoor, PeerError, type PeerProblem } from '../../peer/api.js';
import { loginFrame } from '../../peer/tui/login-frame.js';
import { LoginModel } from '../../peer/tui/login-model.js';
import { rowText } from '../../peer/wording/row.js';
import { FakePeer, PIN } from './fake-peer.js';

interface Desk {
  readonly model: LoginModel;
  readonly clock: VirtualClock;
  /** Passwords that were sent to the tracker. */
  readonly sent: (string | undefined)[];
  enter(text: string): Promise<void>;
  screen(): string;
}

/** A login that stands at the password; the first tries end with `problems`, one each. */
function desk(...problems: readonly PeerProblem[]): Desk {
  const clock = new VirtualClock();
  const sent: (string | undefined)[] = [];
  const door: PeerDoor = {
    contact: async (address) => ({ address, pin: PIN, trust: 'pinned' }),
    trust: async () => undefined,
    open: async ({ tracker, user, password }) => {
      const problem = problems[sent.push(password) - 1];
      if (problem !== undefined) throw new PeerError(problem);
      return new FakePeer({}, { tracker, user });
    },
  };
  const options = { door, clock, tracker: 'host:1', user: 'alice', onChange: () => undefined, onPeer: () => undefined };
  const model = new LoginModel(options);
  return {
    model,
    clock,
    sent,
    async enter(text) {
      model.press({ kind: 'text', text });
      model.press({ kind: 'enter' });
      await clock.advanceAsync(0);
    },
    screen: () => loginFrame(model.state(), { columns: 80, rows: 24 }).rows.map(rowText).join('\n'),
  };
}

const THROTTLED: PeerProblem = {
  code: 'too-many',
  message: 'Too many attempts. Try again in 3s.',
  retryAfterMs: 2_500,
};

describe('LoginModel', () => {
  it('counts down to the next try after too many, with an empty password field', async () => {
    const { clock, enter, model, screen } = desk(THROTTLED);

    await enter('guess');

    expect(model.state().fields.password.text).to.equal('');
    expect(screen()).to.contain('Too many attempts. You can try again in 3s.');
    clock.advance(500);
    expect(screen()).to.contain('in 2s.');
    clock.advance(2_000);
    expect(screen()).to.contain('You can try again now.');
    expect(screen()).to.not.contain('Too many');
  });

  it('sends a try that the tracker would refuse when it may', async () => {
    const { clock, enter, screen, sent } = desk(THROTTLED);
    await enter('guess');

    await enter('secret');
    expect(screen()).to.contain('Logs in by itself then');
    await enter('typed on');
    expect(sent).to.deep.equal(['guess']);
    await clock.advanceAsync(2_500);

    expect(sent).to.deep.equal(['guess', 'secret']);
  });

  it('goes on counting after Esc, without the try', async () => {
    const { clock, enter, model, screen, sent } = desk(THROTTLED);
    await enter('guess');
    await enter('secret');

    model.press({ kind: 'escape' });
    expect(screen()).to.contain('in 3s.').and.to.contain('Enter goes on');
    await clock.advanceAsync(2_500);

    expect(sent).to.deep.equal(['guess']);
  });

  it('lets another user try at once', async () => {
    const { enter, model, sent } = desk(THROTTLED);
    await enter('guess');

    model.press({ kind: 'up' });
    model.press({ kind: 'text', text: '2' });
    model.press({ kind: 'down' });
    await enter('secret');

    expect(sent).to.deep.equal(['guess', 'secret']);
  });

  it('leaves no timer behind', async () => {
    const { clock, enter, model } = desk(THROTTLED);
    await enter('guess');

    model.stop();

    expect(clock.pendingTimers).to.equal(0);
  });
});
