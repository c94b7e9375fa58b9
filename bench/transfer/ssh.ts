import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, rmdir, writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { promisify } from 'node:util';

import { costOf } from '../support/process-cost.js';
import { freePort, isListening, startServer } from '../support/servers.js';
import { tool, versionOf } from '../support/tools.js';
import type { Contender, Course } from './contender.js';

const run = promisify(execFile);
const SSH_CIPHER = 'aes128-gcm@openssh.com';
/** An sshd that runs as root wants this empty folder. */
const PRIVILEGE_FOLDER = '/run/sshd';

interface Sshd extends AsyncDisposable {
  readonly pid: number;
  readonly port: number;
  readonly version: string;
  /** Options of every client. */
  readonly options: readonly string[];
}

/** `scp` from an sshd of our own. */
export async function openScp(course: Course): Promise<Contender> {
  const scp = await tool('scp', 'openssh-client');
  const sshd = await startSshd(course);
  const from = `${userInfo().username}@127.0.0.1:${course.source}`;
  return {
    name: 'scp',
    about: `${sshd.version}; ${SSH_CIPHER}; verifies nothing`,
    move: (target) =>
      costOf({ command: [scp, '-q', '-P', String(sshd.port), ...sshd.options, from, target], servers: [sshd.pid] }),
    [Symbol.asyncDispose]: () => sshd[Symbol.asyncDispose](),
  };
}

/** `rsync` over the same ssh; the whole file, since nothing is at the target. */
export async function openRsync(course: Course): Promise<Contender> {
  return rsyncContender(course, { name: 'rsync over ssh', words: ['--whole-file', '--inplace'], from: course.source });
}

/** A folder with everything in it; `isDurable`: on the disk when it ends, file by file. */
export async function openRsyncFolder(course: Course, { isDurable }: { isDurable: boolean }): Promise<Contender> {
  const name = isDurable ? 'rsync --fsync over ssh' : 'rsync over ssh';
  return rsyncContender(course, {
    name,
    words: ['--archive', ...(isDurable ? ['--fsync'] : [])],
    from: `${course.source}/`,
  });
}

async function rsyncContender(
  course: Course,
  { name, words, from }: { name: string; words: readonly string[]; from: string },
): Promise<Contender> {
  const rsync = await tool('rsync', 'rsync');
  const ssh = await tool('ssh', 'openssh-client');
  const sshd = await startSshd(course);
  const shell = [ssh, '-p', String(sshd.port), ...sshd.options].join(' ');
  const remote = `${userInfo().username}@127.0.0.1:${from}`;
  const version = await versionOf(rsync, ['--version'], /rsync +version [\d.]+/);
  return {
    name,
    about: `${version}, ${words.join(' ')}, ${SSH_CIPHER}; verifies one sum over each file`,
    move: (target) => costOf({ command: [rsync, ...words, '-e', shell, remote, target], servers: [sshd.pid] }),
    [Symbol.asyncDispose]: () => sshd[Symbol.asyncDispose](),
  };
}

async function startSshd({ dir }: Course): Promise<Sshd> {
  const [sshd, keygen] = [await tool('sshd', 'openssh-server'), await tool('ssh-keygen', 'openssh-client')];
  const version = await versionOf(sshd, ['-V'], /OpenSSH_[\w.]+/);
  const port = await freePort();
  const home = dir.join(`sshd-${port}`);
  await mkdir(home);
  for (const name of ['host', 'user']) await run(keygen, ['-q', '-t', 'ed25519', '-N', '', '-f', `${home}/${name}`]);
  await writeFile(`${home}/config`, configOf(home, port));
  const isOurs = process.getuid?.() === 0 && !existsSync(PRIVILEGE_FOLDER);
  if (isOurs) await mkdir(PRIVILEGE_FOLDER, { mode: 0o755 });
  const server = await startServer([sshd, '-D', '-e', '-f', `${home}/config`], { isReady: () => isListening(port) });
  const options = [
    ...['-i', `${home}/user`, '-F', '/dev/null', '-c', SSH_CIPHER],
    ...[
      '-o',
      'StrictHostKeyChecking=no',
      '-o',
      'UserKnownHostsFile=/dev/null',
      '-o',
      'LogLevel=ERROR',
      '-o',
      'BatchMode=yes',
    ],
  ];
  const stop = async (): Promise<void> => {
    await server[Symbol.asyncDispose]();
    if (isOurs) await rmdir(PRIVILEGE_FOLDER);
  };
  return { pid: server.pid, port, version, options, [Symbol.asyncDispose]: stop };
}

function configOf(home: string, port: number): string {
  return `ListenAddress 127.0.0.1:${port}
HostKey ${home}/host
AuthorizedKeysFile ${home}/user.pub
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
Ciphers ${SSH_CIPHER}
Subsystem sftp internal-sftp
`;
}
