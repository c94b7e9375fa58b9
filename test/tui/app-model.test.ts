import { expect } from 'chai';
import { systemClock } from '../../common/runtime/clock.js';
import { AppModel } from '../../peer/tui/app-model.js';
import { waitFor } from '../support/wait-for.js';
import { FakeDoor, type FakeScript } from './fake-peer.js';
import { LOGGED_IN } from './fake-terminal.js';

async function insideOf(script: FakeScript): Promise<{ app: AppModel; door: FakeDoor }> {
  const door = new FakeDoor(script);
  const { tracker, user, typedPassword: password } = LOGGED_IN;
  const size = { columns: 80, rows: 24 };
  const options = { door, clock: systemClock, tracker, user, password, cwd: '/tmp', downloads: '/downloads', size };
  const app = new AppModel(options);
  app.begin();
  await waitFor(() => app.state().kind === 'main');
  return { app, door };
}

describe('AppModel', () => {
  for (const [attached, text] of [
    [true, 'The running peer of alice has ended. Type the password to start one here.'],
    [false, 'Not logged in. The tracker ended this session.'],
  ] as const) {
    it(`comes back to the login when ${attached ? 'the running peer' : 'its session'} has ended`, async () => {
      const { app, door } = await insideOf({ attached });
      const problem = { code: 'not-logged-in', message: 'The tracker ended this session.' } as const;

      const first = door.peer;
      first?.change({ connection: { kind: 'ended', problem } });

      const state = app.state();
      expect(state.kind === 'login' && state.login.problem).to.equal(text);
      expect(first?.closed).to.equal(1);
      for (const char of ['secret', '\r']) {
        app.press([char === '\r' ? { kind: 'enter' } : { kind: 'text', text: char }]);
      }
      await waitFor(() => app.state().kind === 'main');
      expect(door.peer).to.not.equal(first);
    });
  }

  it('does not say that it detached from a peer that has ended', async () => {
    const { app, door } = await insideOf({ attached: true });
    door.peer?.change({ connection: { kind: 'ended', problem: { code: 'interrupted', message: '' } } });

    app.press([{ kind: 'interrupt' }]);

    expect((await app.ended).farewell).to.equal('');
  });
});
