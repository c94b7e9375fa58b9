import { expect } from 'chai';
import { isRunning } from './proc.js';
import { mostInOneSecond, openTerminal } from './terminal.js';
import { waitFor } from './wait-for.js';

const NODE = process.execPath;

describe('support/terminal', () => {
  it('shows what a program draws: text, colours, cursor', async () => {
    const script = String.raw`process.stdout.write('\x1b[2J\x1b[3;5H\x1b[1;31mred\x1b[0m \x1b[38;2;1;2;3mrgb\x1b[0m \x1b[7m漢\x1b[0m\x1b[?25l'); setInterval(() => 0, 1000)`;
    await using terminal = await openTerminal([], { command: [NODE, '-e', script] });
    await terminal.waitForText('漢');

    expect(terminal.screen()).to.have.length(24);
    expect(terminal.screen()[2]).to.equal('    red rgb 漢');
    expect(terminal.cell(2, 4)).to.include({ text: 'r', foreground: 1, isBold: true, background: 'default' });
    expect(terminal.cell(2, 8)).to.include({ text: 'r', foreground: '#010203', isBold: false });
    expect(terminal.cell(2, 12)).to.include({ text: '漢', width: 2, isInverse: true });
    expect(terminal.cursor).to.deep.equal({ row: 2, col: 14 });
    expect(terminal.isCursorVisible).to.equal(false);
    expect(terminal.recording.timesOf('\x1b[2J')).to.have.length(1);
  });

  it('types, presses keys and pastes', async () => {
    const script = `process.stdin.setRawMode(true); process.stdout.write('\\x1b[?2004h\\x1b[?1hready ');
      process.stdin.on('data', (d) => process.stdout.write(JSON.stringify(String(d)) + ' '));`;
    await using terminal = await openTerminal([], { command: [NODE, '-e', script], cols: 120 });
    await terminal.waitForText('ready');

    terminal.type('hé');
    await terminal.waitForText('"hé"');
    terminal.press('up');
    await terminal.waitForText(String.raw`"\u001bOA"`);
    terminal.press('ctrl-c');
    await terminal.waitForText(String.raw`"\u0003"`);
    terminal.press('enter');
    await terminal.waitForText(String.raw`"\r"`);
    terminal.paste('a\nb');
    await terminal.waitForText(String.raw`"\u001b[200~a\rb\u001b[201~"`);
  });

  it('joins characters and escapes that arrive in pieces', async () => {
    const script = `const parts = [Buffer.from('\\x1b[3'), Buffer.from('1mx\\x1b[0m'), Buffer.from('é').subarray(0, 1), Buffer.from('é').subarray(1), Buffer.from('done')];
      const next = () => { const part = parts.shift(); if (part) process.stdout.write(part, () => setTimeout(next, 10)); }; next();`;
    await using terminal = await openTerminal([], { command: [NODE, '-e', script] });
    await terminal.waitForExit();

    expect(terminal.screen()[0]).to.equal('xédone');
    expect(terminal.cell(0, 0).foreground).to.equal(1);
    expect(terminal.recording.timesOf('\x1b[31m')).to.have.length(1);
    expect(terminal.recording.chunks.length).to.be.above(2);
  });

  it('resizes: the program is told', async () => {
    const script = `const show = () => console.log(process.stdout.columns + 'x' + process.stdout.rows); show(); process.stdout.on('resize', show); setInterval(() => 0, 1000)`;
    await using terminal = await openTerminal([], { command: [NODE, '-e', script] });
    await terminal.waitForText('80x24');

    terminal.resize(40, 12);

    await terminal.waitForText('40x12');
    expect(terminal.screen()).to.have.length(12);
  });

  it('takes a megabyte of pasted text', async () => {
    const script = `process.stdin.setRawMode(true); process.stdout.write('ready'); let n = 0;
      process.stdin.on('data', (d) => { n += d.length; if (n === 1_000_000) console.log(' got', n); });`;
    await using terminal = await openTerminal([], { command: [NODE, '-e', script] });
    await terminal.waitForText('ready');

    terminal.paste('x'.repeat(1_000_000));

    await terminal.waitForText('got 1000000');
  });

  it('compares the settings of the terminal before and after', async () => {
    const raw = 'process.stdin.setRawMode(true); process.stdout.write("raw"); process.stdin.once("data", () => ';
    await using good = await openTerminal([], { stty: true, command: [NODE, '-e', `${raw} process.exit(3))`] });
    await using bad = await openTerminal([], { stty: true, command: [NODE, '-e', `${raw} 0)`] });
    await good.waitForText('raw');
    await bad.waitForText('raw');
    good.press('enter');
    await bad.kill('SIGKILL');

    const [afterGood, afterBad] = [await good.stty(), await bad.stty()];

    expect(await good.exit).to.deep.equal({ code: 3, signal: null });
    expect(await bad.exit).to.deep.equal({ code: 137, signal: null });
    expect(afterGood.after).to.equal(afterGood.before);
    expect(afterBad.after).to.not.equal(afterBad.before);
  });

  it('delivers Ctrl-C as SIGINT to a program that reads lines, also under stty', async () => {
    for (const stty of [false, true]) {
      await using terminal = await openTerminal([], {
        stty,
        command: [
          NODE,
          '-e',
          'process.on("SIGINT", () => { console.log("int"); process.exit(130) }); console.log("up"); setInterval(() => 0, 1000)',
        ],
      });
      await terminal.waitForText('up');

      terminal.press('ctrl-c');

      expect(await terminal.waitForExit()).to.deep.equal({ code: 130, signal: null });
      expect(terminal.screen().join('\n')).to.contain('int');
    }
  });

  it('tells an end by signal', async () => {
    await using terminal = await openTerminal([], { command: ['sleep', '30'] });

    await terminal.kill('SIGTERM');

    expect(await terminal.exit).to.deep.equal({ code: null, signal: 'SIGTERM' });
  });

  it('shows the whole screen when something awaited does not appear, and when the program ends too early', async () => {
    await using slow = await openTerminal([], { command: ['sh', '-c', 'echo top; exec sleep 30'] });
    await using over = await openTerminal([], { command: ['sh', '-c', 'echo gone'] });
    await slow.waitForText('top');

    const late = await slow.waitForText(/never/, { timeoutMs: 30 }).catch((reason: Error) => reason);
    const early = await over.waitForText(/never/).catch((reason: Error) => reason);

    expect(late)
      .to.have.property('message')
      .that.matches(/never[\s\S]*│top +│/);
    expect(early)
      .to.have.property('message')
      .that.matches(/the program ended before[\s\S]*│gone +│/);
  });

  it('answers a program that asks where the cursor is', async () => {
    const script = `process.stdin.setRawMode(true); process.stdout.write('ab\\x1b[6n'); process.stdin.once('data', (d) => { console.log(JSON.stringify(String(d))); process.exit() })`;
    await using terminal = await openTerminal([], { command: [NODE, '-e', script] });

    await terminal.waitForText(String.raw`"\u001b[1;3R"`);
  });

  it('counts redraws in the busiest second', async () => {
    const script = `let n = 0; const timer = setInterval(() => { process.stdout.write('\\x1b[Hframe ' + n); if (++n === 8) clearInterval(timer); }, 40)`;
    await using terminal = await openTerminal([], { command: [NODE, '-e', script] });
    await terminal.waitForExit();

    expect(mostInOneSecond(terminal.recording.timesOf('\x1b[Hframe'))).to.equal(8);
    expect(terminal.recording.writeTimes(1)).to.have.length.within(1, 8);
    expect(mostInOneSecond([0, 10, 999, 1000, 1500, 3000])).to.equal(3);
  });

  it('ends the program with the terminal, under stty too', async () => {
    let pids: number[];
    {
      await using plain = await openTerminal([], { command: ['sleep', '30'] });
      await using noted = await openTerminal([], { stty: true, command: ['sleep', '30'] });
      pids = [await plain.programPid(), await noted.programPid()];
      expect(await Promise.all(pids.map(isRunning))).to.deep.equal([true, true]);
    }

    await waitFor(async () => !(await Promise.all(pids.map(isRunning))).includes(true), { what: 'both to end' });
  });
});
