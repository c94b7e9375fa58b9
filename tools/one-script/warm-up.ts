/**
 * Runs commands with the script and writes what V8 compiled on the way: `program.cache` beside `program.js` in the folder that is the
 * argument. A start with it need not compile those functions again.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import v8 from 'node:v8';
import { Script } from 'node:vm';

type Program = (part: string, base: string) => Promise<Programs>;
type Programs = { readonly runShoal: (words: readonly string[]) => Promise<number> };

const ROOT = join(import.meta.dirname, '../../..');
/** Where nobody answers. */
const NO_TRACKER = ['--tracker', `127.0.0.1:1#sha256:${'0'.repeat(64)}`, '--user', 'nobody'];
const COMMANDS = [['--version'], ['tracker', '--print-pin'], ['lpf', ...NO_TRACKER]];

const [, , folder = ''] = process.argv;
const home = mkdtempSync(join(tmpdir(), 'shoal-warm-up-'));
Object.assign(process.env, { HOME: home, XDG_STATE_HOME: home, XDG_CONFIG_HOME: home, SHOAL_PASSWORD: 'none' });
// What V8 keeps is only good for the flags that it was made with, and a start sets some after it has read that.
Object.assign(v8, { setFlagsFromString: () => undefined });

const script = new Script(readFileSync(join(folder, 'program.js'), 'latin1'), { filename: 'shoal' });
process.on('exit', () => {
  writeFileSync(join(folder, 'program.cache'), script.createCachedData());
  rmSync(home, { recursive: true });
});
const base = pathToFileURL(join(ROOT, 'dist/')).href;
const run = script.runInThisContext() as Program;
for (const words of COMMANDS) {
  const { runShoal } = await run('bin/programs.js', base);
  await runShoal(words);
}
process.exit(0);
