import { expect } from 'chai';
import { VirtualClock } from '../../common/runtime/clock.js';
import { PeerError } from '../../peer/api.js';
import { MainModel } from '../../peer/tui/main-model.js';
import { commandLine } from '../../peer/tui/main-rows.js';
import { listingText } from '../../peer/wording/listing.js';
import { rowText } from '../../peer/wording/row.js';
import { waitFor } from '../support/wait-for.js';
import { FakePeer } from './fake-peer.js';

const SECRET = 'open sesame';

describe('a passcode in the terminal screen', () => {
  let peer: FakePeer;
  let model: MainModel;
  beforeEach(() => {
    peer = new FakePeer({ getMs: 0 }, { user: 'alice', tracker: '127.0.0.1:7465' });
    const call = peer.call.bind(peer);
    peer.call = async (name, input, options) => {
      const passcode = (input as { passcode?: string }).passcode;
      if (name === 'get' && passcode !== SECRET)
        throw new PeerError({ code: passcode === undefined ? 'passcode-needed' : 'wrong-passcode', message: '' });
      return call(name, input, options);
    };
    const quiet = { onChange: () => undefined, onQuit: () => undefined };
    const size = { columns: 80, rows: 24 };
    model = new MainModel({ peer, clock: new VirtualClock(), cwd: '/tmp', downloads: '/d', size, ...quiet });
  });
  afterEach(() => model.stop());

  const type = (text: string): void => model.press({ kind: 'text', text });
  const enter = (text: string): void => {
    type(text);
    model.press({ kind: 'enter' });
  };
  const line = (): string => rowText(commandLine(model.state(), 80).row);
  const asked = (question: string): Promise<unknown> => waitFor(() => line().startsWith(question), { what: question });
  const result = (): string => listingText(model.state().result.layout(80));

  it('is asked for by get in place of the command line, hidden, and again when it was wrong', async () => {
    enter('get plan.pdf');
    await asked('Passcode of plan.pdf:');
    type('guess');
    const shown = line();
    model.press({ kind: 'enter' });
    await asked('Wrong. Passcode of plan.pdf:');
    enter(SECRET);
    await waitFor(() => peer.calls.some(({ name }) => name === 'get'));

    expect(shown).to.match(/•{5}/).and.not.contain('guess');
    expect(line()).to.equal('> ');
    model.press({ kind: 'up' });
    expect(line(), 'it is not in the history').to.equal('> get plan.pdf');
  });

  it('is left by Escape; what was being typed is as it was', async () => {
    enter('get plan.pdf');
    type('sch ho');
    await asked('Passcode');
    type('never');
    model.press({ kind: 'escape' });
    await waitFor(() => result().includes('Passcode needed'));

    expect(line()).to.equal('> sch ho');
    expect(peer.calls.map(({ name }) => name)).to.not.include('get');
  });

  it('is asked for twice by pub --passcode, and goes to the peer alone', async () => {
    enter('rights plan.pdf --passcode --expires never');
    await asked('New passcode:');
    enter(SECRET);
    await asked('The same again:');
    enter(SECRET);
    await waitFor(() => peer.calls.length > 0);

    expect(peer.calls).to.deep.equal([
      { name: 'rights', input: { selectors: ['plan.pdf'], terms: { passcode: SECRET, expiresAt: null } } },
    ]);
    expect(JSON.stringify(model.state().result.title)).to.not.contain(SECRET);
  });
});
