// A copy of bin/ with programs that only tell what they were given, to see what the launcher alone does.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, writeFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

import { isolatedEnvironment, projectRoot } from '../support/shoal-command.js';
import type { TempDir } from '../support/temp.js';

const COMPILED = fileURLToPath(new URL('../../', import.meta.url));

/** Makes this process believe that it is another Node; what it starts is itself again. */
export const AS_NODE_20 = `data:text/javascript,Object.defineProperty(process, 'versions', {value: {...process.versions, node: '20.1.0'}})`;

export interface Outcome {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly nodeOptions?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Called with the process once its first output is there. */
  readonly onOutput?: (kill: (signal: NodeJS.Signals) => void) => void;
}

export class StandInPackage {
  private constructor(private readonly dir: TempDir) {}

  /** In `dir`; `peer` and `tracker` are the sources of the two mains. */
  static async create(dir: TempDir, mains: { peer?: string; tracker?: string }): Promise<StandInPackage> {
    await cp(`${projectRoot()}/bin`, dir.join('bin'), { recursive: true });
    await cp(`${COMPILED}/common/runtime`, dir.join('dist/common/runtime'), { recursive: true });
    await writeFile(dir.join('package.json'), '{"name": "stand-in", "type": "module"}');
    await writeFile(dir.join('credentials.txt'), 'alice wonderland\n');
    for (const [name, source] of Object.entries(mains)) {
      await mkdir(dir.join('dist', name), { recursive: true });
      await writeFile(dir.join('dist', name, 'main.js'), source);
    }
    return new StandInPackage(dir);
  }

  async addFile(path: string, content: string | Uint8Array): Promise<void> {
    await mkdir(this.dir.join(path, '..'), { recursive: true });
    await writeFile(this.dir.join(path), content);
  }

  /** Runs `bin/<script>` to its end. */
  async run(script: string, args: readonly string[], options: RunOptions = {}): Promise<Outcome> {
    const env = await isolatedEnvironment(this.dir.join('home'), options.env);
    const preload = (options.nodeOptions ?? []).flatMap((url) => ['--import', url]);
    const words = [...preload, this.dir.join('bin', script), ...args];
    const child = spawn(process.execPath, words, { cwd: this.dir.path, env, stdio: ['ignore', 'pipe', 'pipe'] });
    child.stdout.once('data', () => options.onOutput?.((signal) => child.kill(signal)));
    const [stdout, stderr, [code, signal]] = await Promise.all([
      text(child.stdout),
      text(child.stderr),
      once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>,
    ]);
    return { code, signal, stdout, stderr };
  }
}
