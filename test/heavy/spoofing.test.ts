/**
 * T8: what somebody gets whose address stands as the sender of datagrams that he never sent. Three network namespaces: the tracker,
 * the attacker, who may use the victim's address, and the victim, to whom the tracker's answers go. Where none can be made the test is
 * left out.
 */

import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { type RunningProgram, startProgram, startTracker } from '../support/program.js';
import { shoalCommand } from '../support/shoal-command.js';
import { waitFor } from '../support/wait-for.js';
import { userOf } from '../tracker/raw-messages.js';
import { ATTACKER, TRACKER, VICTIM } from './spoof-worker.js';

const PORT = 45_454;
const WORKER = fileURLToPath(new URL('./spoof-worker.js', import.meta.url));
const NAMES = ['tracker', 'attacker', 'victim'] as const;
type Name = (typeof NAMES)[number];

const nameOf = (name: Name): string => `shoal-spoof-${process.pid}-${name}`;
const ip = (...args: readonly string[]): boolean => spawnSync('ip', args).status === 0;
const inside = (name: Name, ...command: readonly string[]): boolean => ip('netns', 'exec', nameOf(name), ...command);

function build(): boolean {
  const link = (to: Name, there: string, here: string): boolean =>
    ip('-n', nameOf('tracker'), 'link', 'add', to, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', nameOf(to)) &&
    ip('-n', nameOf('tracker'), 'addr', 'add', `${here}/24`, 'dev', to) &&
    ip('-n', nameOf('tracker'), 'link', 'set', to, 'up') &&
    ip('-n', nameOf(to), 'addr', 'add', `${there}/24`, 'dev', 'eth0') &&
    ip('-n', nameOf(to), 'link', 'set', 'eth0', 'up') &&
    ip('-n', nameOf(to), 'route', 'add', 'default', 'via', here);
  return (
    NAMES.every((name) => ip('netns', 'add', nameOf(name)) && ip('-n', nameOf(name), 'link', 'set', 'lo', 'up')) &&
    link('attacker', ATTACKER, TRACKER) &&
    link('victim', VICTIM, '10.77.2.1') &&
    ip('-n', nameOf('attacker'), 'addr', 'add', `${VICTIM}/32`, 'dev', 'lo') &&
    // The tracker's network does not look at where a datagram should have come from: most do not.
    ['all', 'default', 'attacker', 'victim'].every((device) =>
      inside('tracker', 'sysctl', '-qw', `net.ipv4.conf.${device}.rp_filter=0`),
    )
  );
}

describe('datagrams with the address of somebody else', function () {
  this.timeout(120_000);

  before(function () {
    if (!build()) this.skip();
  });
  after(() => {
    for (const name of NAMES) ip('netns', 'del', nameOf(name));
  });

  it('bring that somebody no more bytes than were sent in his name, whatever they are', async () => {
    await using cleanUp = new AsyncDisposableStack();
    const within = (name: Name) => ['ip', 'netns', 'exec', nameOf(name)] as const;
    const tracker = cleanUp.use(
      await startTracker({
        credentials: Object.fromEntries(['alice', 'bob'].map((user) => [user, userOf(user).password])),
        host: TRACKER,
        command: [...within('tracker'), ...shoalCommand()],
      }),
    );
    const start = async (name: Name, ...args: readonly string[]): Promise<Asked> => {
      const command = [...within(name), process.execPath, WORKER] as const;
      return new Asked(cleanUp.use(await startProgram([name, ...args], { command, stdin: 'open' })));
    };
    const victim = await start('victim', String(PORT));
    await victim.answer();
    const attacker = await start('attacker', String(PORT), String(tracker.port), tracker.pin);
    const { kinds, marks } = (await attacker.answer()) as { kinds: string[]; marks: string };

    const shares: string[] = [];
    let before = 0;
    for (const [index, kind] of kinds.entries()) {
      const sent = await attacker.ask(kind);
      const after = await victim.ask(`${marks} ${index + 1}`);
      shares.push(`${kind} ${((after - before) / sent).toFixed(2)}`);
      expect(after - before, kind).to.be.at.most(sent);
      before = after;
    }
    process.stdout.write(`      received for each byte sent: ${shares.join(', ')}\n`);
    expect(before, 'something must come, or nothing was shown').to.be.above(0);
  });
});

/** A program that answers each line by one of JSON. */
class Asked {
  #taken = 0;

  constructor(private readonly program: RunningProgram) {}

  async ask(line: string): Promise<number> {
    this.program.write(`${line}\n`);
    return ((await this.answer()) as { bytes: number }).bytes;
  }

  async answer(): Promise<object> {
    const line = await waitFor(() => this.program.stdout[this.#taken], {
      what: `an answer of ${this.program.describe()}`,
      timeoutMs: 30_000,
    });
    this.#taken += 1;
    return JSON.parse(line) as object;
  }
}
