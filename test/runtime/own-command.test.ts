import { expect } from 'chai';
import { ownCommand, ownCommandThere, ownProgram } from '../../common/runtime/own-command.js';

describe('ownCommand', () => {
  const hint = (argv: readonly string[], env: Readonly<Record<string, string>> = {}): string =>
    ownCommand('trust list', { argv: ['/bin/node', ...argv], env });

  it('is the installed command where that is what was typed', () =>
    expect(hint(['/usr/local/bin/shoal', 'lap'])).to.equal('shoal trust list'));

  it('goes through npx after npm start, npm run and npx, where the shell knows no such word', () => {
    expect(hint(['/home/ana/shoal/bin/start.js'])).to.equal('npx shoal trust list');
    expect(hint(['/home/ana/node_modules/.bin/shoal'], { npm_command: 'exec' })).to.equal('npx shoal trust list');
  });

  it('is what was typed where all of Shoal is one executable file', () => {
    const started = { argv: ['/opt/shoal-0.1', './shoal-0.1', 'lap'], env: { npm_command: 'exec' } };

    expect(ownProgram(started, true)).to.equal('./shoal-0.1');
  });

  for (const given of [['--data', '/srv/x'], ['--data=/srv/x']]) {
    it(`keeps ${given.join(' ')}`, () =>
      expect(hint(['/bin/shoal', 'lap', ...given])).to.equal('shoal trust list --data /srv/x'));
  }

  it('keeps --store, without a password in it', () => {
    const stored = (url: string) => hint(['/bin/shoal', 'user', 'list', '--store', url]);

    expect(stored('sqlite:/srv/s')).to.equal('shoal trust list --store sqlite:/srv/s');
    expect(stored('postgres://me:secret@db:5432/x')).to.equal('shoal trust list --store postgres://me@db:5432/x');
    expect(stored('postgres://me@db/x?password=secret&a=b')).to.equal(
      `shoal trust list --store 'postgres://me@db/x?a=b'`,
    );
  });

  it('keeps tracker and user where the words are for a tracker elsewhere', () => {
    const argv = ['/bin/node', '/bin/shoal', 'admin', 'ban', '--tracker', 'host:1', '--user=ana', '--data', '/x'];

    expect(ownCommandThere('admin users', { argv, env: {} })).to.equal(
      'shoal admin users --tracker host:1 --user ana --data /x',
    );
  });

  it('quotes a folder that a shell would take apart', () =>
    expect(hint(['/bin/shoal', '--data', "it's mine"])).to.equal(`shoal trust list --data 'it'\\''s mine'`));
});
