/**
 * Runs commands with the program of the single executable file, before that file is made, and writes what V8 compiled on the way:
 * `program.cache` beside `program.js` in the folder that is the argument. A start with it need not compile those functions again.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sea from 'node:sea';
import v8 from 'node:v8';
import { Script } from 'node:vm';

type Program = (part: string) => Promise<void>;

const ROOT = join(import.meta.dirname, '../../..');
/** Where nobody answers. */
const NO_TRACKER = ['--tracker', `127.0.0.1:1#sha256:${'0'.repeat(64)}`, '--user', 'nobody'];
const COMMANDS = [['--version'], ['tracker', '--print-pin'], ['lpf', ...NO_TRACKER]];

const [, , folder = ''] = process.argv;
const home = mkdtempSync(join(tmpdir(), 'shoal-warm-up-'));
Object.assign(process.env, { HOME: home, XDG_STATE_HOME: home, XDG_CONFIG_HOME: home, SHOAL_PASSWORD: 'none' });
// What V8 keeps is only good for the flags that it was made with, and a start sets some after it has read that.
Object.assign(v8, { setFlagsFromString: () => undefined });
Object.assign(sea, { isSea: () => true, getAsset: (name: string) => readFileSync(join(ROOT, name), 'utf8') });

const script = new Script(readFileSync(join(folder, 'program.js'), 'latin1'), { filename: 'shoal' });
process.on('exit', () => {
  writeFileSync(join(folder, 'program.cache'), script.createCachedData());
  rmSync(home, { recursive: true });
});
const run = script.runInThisContext() as Program;
for (const words of COMMANDS) {
  process.argv = [process.execPath, 'shoal', ...words];
  await run('shoal:/tools/single-file/main.js');
}
process.exit(0);
