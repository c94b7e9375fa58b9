/** The words of `shoal tracker` and `shoal user`, their flags, and how their failures are told. The tracker's home of `commander`. */
import { Command, CommanderError } from 'commander';
import { ADMIN_HELP, ADMIN_OPTIONS } from '../../common/admin/admin-help.js';
import { LockedError } from '../../common/runtime/process-lock.js';
import { ConfigError } from '../../common/runtime/setting-value.js';
import { type AdminFlags, runAdmin } from './admin-command.js';
import { addGroup, changeMembers, listGroups, removeGroup } from './group-command.js';
import { CliError, type CliProcess, EXIT } from './process.js';
import type { CareFlags } from './store-command.js';
import type { TrackerFlags } from './tracker-command.js';
import {
  addUser,
  appoint,
  changePassword,
  changeState,
  importUsers,
  listUsers,
  type UserFlags,
} from './user-command.js';
import type { StoreFlags } from './with-store.js';

/** Runs `shoal ARGV…` and resolves with the exit code; every failure has been told in one sentence by then. */
export async function runProgram(argv: readonly string[], process: CliProcess): Promise<number> {
  const [word = ''] = argv;
  try {
    await program(process).parseAsync([...argv], { from: 'user' });
    return EXIT.done;
  } catch (error) {
    if (error instanceof CommanderError) {
      if (error.exitCode === 0) return EXIT.done;
      tell(usageError(error, word), { word, isJson: argv.includes('--json'), process });
      return EXIT.usage;
    }
    if (process.signal.aborted) return EXIT.done;
    tell(error, { word, isJson: argv.includes('--json'), process });
    return exitCodeOf(error);
  }
}

/** The parser's own sentence as one of ours. */
function usageError({ code, message }: CommanderError, word: string): CliError {
  const plain = message
    .replace(/^error: /, '')
    .replace('\n', ' ')
    .replace(/[.]?$/, '.');
  const said = code === 'commander.help' ? 'a word is missing.' : plain;
  return new CliError(`${said} See shoal ${word} --help.`, { code: 'usage', exitCode: EXIT.usage });
}

function tell(error: unknown, { word, isJson, process }: { word: string; isJson: boolean; process: CliProcess }): void {
  const message = error instanceof Error ? error.message : String(error);
  process.stderr.write(`shoal ${word}: ${message}\n`);
  if (!isJson) return;
  const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'failed';
  process.stdout.write(`${JSON.stringify({ event: 'error', code, message })}\n`);
}

function exitCodeOf(error: unknown): number {
  if (error instanceof CliError) return error.exitCode;
  if (error instanceof ConfigError) return EXIT.usage;
  if (error instanceof LockedError) return EXIT.failed;
  return EXIT.failed;
}

function program(process: CliProcess): Command {
  const root = new Command('shoal')
    .exitOverride()
    .enablePositionalOptions()
    .configureOutput({
      writeOut: (text) => void process.stdout.write(text),
      writeErr: (text) => void process.stderr.write(text),
      outputError: () => undefined, // told with the other failures
    });
  root.addCommand(trackerCommand(root, process));
  root.addCommand(userCommand(root, process).copyInheritedSettings(root));
  root.addCommand(groupCommand(root, process).copyInheritedSettings(root));
  root.addCommand(adminCommand(process).copyInheritedSettings(root));
  return root;
}

function trackerCommand(root: Command, process: CliProcess): Command {
  const tracker = runCommand(process).copyInheritedSettings(root).enablePositionalOptions();
  const word = (nameAndArguments: string, description: string): Command =>
    tracker
      .command(nameAndArguments)
      .description(description)
      .allowExcessArguments(false)
      .option('--data <DIR>', "the tracker's data folder")
      .option('--store <URL>', 'sqlite:PATH or postgres://USER@HOST/DATABASE (default: in the data folder)')
      .option('--identity <FILE>', "the tracker's key and certificate (default: in the data folder)")
      .option('--seal-key <FILE>', 'key of the resume tokens (default: in the data folder)')
      .option('--config <FILE>', 'settings as JSON')
      .option('--json', 'prints the result as JSON');
  const care = () => import('./store-command.js');
  word('backup <file>', 'Writes store, identity and seal key to one file, also while the tracker runs.')
    .option('--force', 'replaces a file that is there')
    .action(async (file: string, flags: CareFlags) => (await care()).backUpStore(file, flags, process));
  word('restore <file>', 'Puts a backup in the place of the store; the tracker must not run.')
    .option('--force', 'puts the store that is there aside')
    .option('--end-sessions', 'everybody has to log in again, also who has copied a session that was logged out since')
    .action(async (file: string, flags: CareFlags) => (await care()).restoreStore(file, flags, process));
  word('check', 'Looks through the whole store, also while the tracker runs.')
    .option('--repair', 'saves what can be saved of a damaged store; the tracker must not run')
    .action(async (flags: CareFlags) => (await care()).checkTheStore(flags, process));
  return tracker;
}

function runCommand(process: CliProcess): Command {
  return (
    new Command('tracker')
      .description('Runs the tracker: accounts, who is online, and who shares what. Prints one line when it listens.')
      .option('--host <HOST>', 'address to listen on (default 127.0.0.1: this machine alone)')
      .option('--port <PORT>', 'TCP and UDP port (default 7465; 0: any free one)')
      .option('--data <DIR>', 'folder for identity, keys and the store')
      .option('--credentials <FILE>', 'adds users never seen: lines of "user password"')
      .option('--store <URL>', 'sqlite:PATH or postgres://USER@HOST/DATABASE (default: in the data folder)')
      .option('--identity <FILE>', "the tracker's key and certificate (default: made in the data folder)")
      .option('--seal-key <FILE>', 'key of the resume tokens (default: made in the data folder)')
      .option('--advertise <HOST>', 'how others reach this machine')
      .option('--tls-cert <FILE>', 'not in this version yet')
      .option('--tls-key <FILE>', 'not in this version yet')
      .option('--exit-when-idle <TIME>', 'ends when nobody has been there for so long, such as 5m')
      .option('--quota <NUMBER>', 'publications one user may have (default 1000000)')
      .option('--publish-rate <NUMBER>', 'entries a second one user may publish (default 10000; 0: any number)')
      .option('--request-rate <NUMBER>', 'requests a second one user may make (default 10000; 0: any number)')
      .option(
        '--relay-bytes <SIZE>',
        'relayed for one user a day (default 10G; 0: nothing, peers that nobody can dial stay alone)',
      )
      .option('--audit-days <NUMBER>', 'how long the audit is kept (default 90)')
      .option('--status-port <PORT>', 'HTTP port for /healthz, /readyz and /metrics (default: none)')
      .option('--status-host <HOST>', 'its address (default 127.0.0.1: this machine alone)')
      .option('--depot <DIR>', 'runs a depot in this process, which stores what users put, in this folder')
      .option('--depot-size <SIZE>', 'how much it stores, such as 500G (default: nine tenths of the disk)')
      .option('--put-quota <SIZE>', 'how much one user may have stored in depots (default: what fits)')
      .option('--print-pin', 'prints the pin that peers trust, and ends')
      .option('--config <FILE>', 'settings as JSON (default: config.json in the data folder)')
      .option('--log-level <LEVEL>', 'silent (default; with a log file: info), error, warn, info or debug')
      .option('--log-file <FILE>', 'writes who did what with which outcome, a line of JSON each')
      .option('--json', 'prints events as JSON lines')
      .allowExcessArguments(false)
      // Loaded only now: `shoal user` needs none of it.
      .action(async (flags: TrackerFlags) => (await import('./tracker-command.js')).runTracker(flags, process))
  );
}

function userCommand(root: Command, process: CliProcess): Command {
  const user = new Command('user')
    .description(
      'Manages accounts, also while the tracker runs. Of a tracker elsewhere: shoal admin --tracker HOST:PORT.',
    )
    .copyInheritedSettings(root);
  const word = (name: string, argument: string | undefined, description: string): Command => {
    const command = user.command(name).description(description).allowExcessArguments(false);
    if (argument !== undefined) command.argument(argument);
    return command
      .option('--data <DIR>', "the tracker's data folder")
      .option('--store <URL>', 'sqlite:PATH or postgres://USER@HOST/DATABASE (default: in the data folder)')
      .option('--config <FILE>', 'settings as JSON')
      .option('--json', 'prints the result as JSON');
  };
  const passwordFile = [
    '--password-file <FILE>',
    'its first line is the password (else SHOAL_PASSWORD, else a prompt)',
  ] as const;
  word('add', '<name>', 'Adds a user.')
    .option(...passwordFile)
    .action((name: string, flags: UserFlags) => addUser(name, flags, process));
  word('passwd', '<name>', 'Sets a new password and ends all sessions of the user.')
    .option(...passwordFile)
    .action((name: string, flags: UserFlags) => changePassword(name, flags, process));
  for (const [kind, text] of [
    ['disable', 'Ends all sessions and refuses new ones.'],
    ['enable', 'Lets the user log in again.'],
    ['remove', 'Removes the user with all publications.'],
  ] as const) {
    word(kind, '<name>', text).action((name: string, flags: UserFlags) => changeState(kind, name, { flags, process }));
  }
  for (const [name, isDepot, text] of [
    ['appoint', true, 'Lets the user run a depot, which keeps what others put there.'],
    ['dismiss', false, 'Takes that back.'],
  ] as const) {
    word(name, '<name>', text).action((user: string, flags: UserFlags) => appoint(user, isDepot, { flags, process }));
  }
  word('list', undefined, 'Lists all users.').action((flags: UserFlags) => listUsers(flags, process));
  word('import', '<file>', 'Adds users never seen from a credentials file.').action((file: string, flags: UserFlags) =>
    importUsers(file, flags, process),
  );
  return user;
}

function adminCommand(process: CliProcess): Command {
  const admin = new Command('admin')
    .description(
      'Administers a tracker: the one whose store is here, also while it runs; with --tracker HOST:PORT, one elsewhere.',
    )
    .argument('<words...>')
    .option('--data <DIR>', "the tracker's data folder")
    .option('--store <URL>', 'sqlite:PATH or postgres://USER@HOST/DATABASE (default: in the data folder)')
    .option('--config <FILE>', 'settings as JSON')
    .option('--json', 'prints the result as JSON')
    .addHelpText('after', ADMIN_HELP);
  for (const [flags, description] of ADMIN_OPTIONS) admin.option(flags, description);
  return admin.action(async (words: string[], flags: AdminFlags) => {
    const [word, file, ...more] = words;
    if (word !== 'verify' || file === undefined || more.length > 0) return runAdmin(words, flags, process);
    return (await import('./verify-receipts.js')).verifyReceipts(file, flags, process);
  });
}

function groupCommand(root: Command, process: CliProcess): Command {
  const group = new Command('group')
    .description('Manages groups of users, also while the tracker runs.')
    .copyInheritedSettings(root);
  const word = (nameAndArguments: string, description: string): Command =>
    group
      .command(nameAndArguments)
      .description(description)
      .allowExcessArguments(false)
      .option('--data <DIR>', "the tracker's data folder")
      .option('--store <URL>', 'sqlite:PATH or postgres://USER@HOST/DATABASE (default: in the data folder)')
      .option('--config <FILE>', 'settings as JSON')
      .option('--json', 'prints the result as JSON');
  word('add <group>', 'Adds a group.').action((name: string, flags: StoreFlags) => addGroup(name, flags, process));
  word('remove <group>', 'Removes a group; what was shared with it is not any more.').action(
    (name: string, flags: StoreFlags) => removeGroup(name, flags, process),
  );
  word('list', 'Lists all groups with their members.').action((flags: StoreFlags) => listGroups(flags, process));
  word('join <group> <users...>', 'Makes users members of a group.').action(
    (name: string, users: string[], flags: StoreFlags) =>
      changeMembers('join', { group: name, users }, { flags, process }),
  );
  word('leave <group> <users...>', 'Takes users out of a group, and cuts what they were fetching through it.').action(
    (name: string, users: string[], flags: StoreFlags) =>
      changeMembers('leave', { group: name, users }, { flags, process }),
  );
  return group;
}
