/** The words and options of the command line, and their help. It runs nothing: a parsed line is data for `run-cli.ts`. */
import { Command, CommanderError, Option } from 'commander';
import { ADMIN_HELP, ADMIN_OPTIONS } from '../../common/admin/admin-help.js';
import { nearestWord } from '../../common/runtime/nearest-word.js';
import { RATE_OPTIONS } from '../wording/limits.js';
import { SEARCH_OPTIONS, searchFlag } from '../wording/search-wish.js';
import { LATER_WORDS } from './words.js';

/** What was asked for. `word` is `tui` when no command was given; `unknown` with the words that are no command. */
export type ParsedArguments =
  | {
      readonly kind: 'run';
      readonly word: string;
      readonly args: readonly string[];
      readonly options: Readonly<Record<string, unknown>>;
    }
  | { readonly kind: 'unknown'; readonly words: readonly string[]; readonly options: Readonly<Record<string, unknown>> }
  /** Help or version: `text` is to be printed. */
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'problem'; readonly message: string };

/** Reads what stands after `shoal`. */
export function parseArguments(argv: readonly string[], version: string): ParsedArguments {
  let parsed: ParsedArguments | undefined;
  let text = '';
  const program = buildProgram(version, (found) => {
    parsed = found;
  });
  for (const command of [program, ...allCommands(program)]) {
    command.exitOverride().configureOutput({
      writeOut: (out) => {
        text += out;
      },
      writeErr: () => undefined,
    });
  }
  try {
    program.parse(argv[0] === 'h' ? ['help', ...argv.slice(1)] : [...argv], { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return { kind: 'text', text };
    const [help, word] = argv;
    if (error.code === 'commander.help' && (help === 'help' || help === 'h') && word !== undefined)
      return { kind: 'unknown', words: [word], options: {} };
    return { kind: 'problem', message: usageMessage(error) };
  }
  return parsed ?? { kind: 'text', text };
}

type Found = (parsed: ParsedArguments) => void;

function buildProgram(version: string, found: Found): Command {
  const program = new Command('shoal');
  program.description('Private peer-to-peer file sharing for a team. Without a command: the terminal interface.');
  program
    .version(version, '-V, --version', 'show the version')
    .helpOption('-h, --help', 'show help')
    .configureHelp({ minWidthToWrap: 30 }) // beside the longest command 80 columns leave less than the usual 40
    .helpCommand('help [command]', 'show help');
  program.usage('[options] [command]');
  addPeerOptions(program);
  addFileWords(program, found);
  addDownloadWords(program, found);
  addLimit(program, found);
  addListWords(program, found);
  addPeerWords(program, found);
  addTrust(program, found);
  addLaterWords(program, found);
  const fallback = program
    .command('tui', { isDefault: true, hidden: true })
    .argument('[words...]')
    .allowUnknownOption();
  fallback.action((words: string[], _own: object, command: Command) => {
    const options = command.optsWithGlobals();
    if (words.length === 0) found({ kind: 'run', word: 'tui', args: [], options });
    else found({ kind: 'unknown', words, options });
  });
  return program.addHelpText('after', HELP_END);
}

const HELP_END = `
Programs of the same command, each with its own --help:
  shoal tracker                 run a tracker
  shoal user add|passwd|…       manage the accounts of a tracker
  shoal group add|join|…        manage groups of them
  shoal admin …                 bans, limits, audit: of the tracker on this
                                computer, or with --tracker of another

A SELECTOR is NAME, @OWNER/NAME, or id: and 16 or more digits of an id.
"shoal help COMMAND" tells more about one command.
Exit codes: 0 done, 1 failed, 2 usage, 3 not authenticated or not allowed,
4 not found, 5 no source reachable, 6 integrity, 7 tracker unreachable,
130 interrupted. Settings also come from SHOAL_* variables and from config.json
in the data folder.`;

/** Options that say whose peer it is and where; they may stand before or after the word. */
function addPeerOptions(command: Command): Command {
  return command
    .option('--tracker <HOST:PORT[#PIN]>', 'the tracker (default: 127.0.0.1:7465)')
    .option('--user <NAME>', 'the user')
    .option('--password-file <FILE>', 'file whose first line is the password; or set SHOAL_PASSWORD')
    .option('--data <DIR>', "where the peer keeps its state (default: the platform's state folder)")
    .option(
      '--downloads <DIR>',
      'where files go (default: the current folder; terminal interface and serve: ~/Downloads/Shoal)',
    )
    .option('--host <HOST>', 'address on which files are served')
    .option('--port <PORT>', 'port on which files are served (default: a free one)')
    .option('--advertise <HOST>', 'address under which others reach this peer')
    .option('--upload-limit <BYTES>', 'bytes a second for all uploads together, such as 800K or 10M')
    .option('--download-limit <BYTES>', 'bytes a second for all downloads together')
    .option('--max-downloads <NUMBER>', 'downloads that run at once (default: 4)')
    .option(
      '--depot <SIZE>',
      'serve: store for others, up to this size, such as 500G; an administrator appoints the user',
    )
    .option('--pq-only', 'never log in over UDP, whose key exchange is not post-quantum')
    .option('--log-file <FILE>', 'write what happens to this file, a line of JSON each')
    .option('--log-level <LEVEL>', 'error, warn, info or debug')
    .option('--trust-on-first-use', 'trust a tracker that is not known yet without asking')
    .option('--config <FILE>', 'config file (default: config.json in the data folder)')
    .option('--json', 'events as lines of JSON on standard output')
    .addOption(new Option('--password <PASSWORD>').hideHelp());
}

/** The long flags that every command knows. */
export const PEER_FLAGS: readonly string[] = addPeerOptions(new Command()).options.flatMap(({ long, hidden }) =>
  long && !hidden ? [long] : [],
);

function add(
  parent: Command,
  nameAndArguments: string,
  { does, run, found }: { does: string; run: string; found: Found },
): Command {
  const command = parent.command(nameAndArguments).description(does).helpOption('-h, --help', 'show help');
  // Known here too, so that they may stand after the word; the help lists them once.
  for (const option of addPeerOptions(new Command()).options) command.addOption(option.hideHelp());
  command.addHelpText('after', '\nThe options of "shoal --help" (tracker, user, folders, --json) may stand here\ntoo.');
  command.action(() => {
    found({ kind: 'run', word: run, args: command.args, options: command.optsWithGlobals() });
  });
  return command;
}

function addFileWords(program: Command, found: Found): void {
  const pub = add(program, 'pub <PATH...>', {
    does: 'publish files and folders; without a running peer, serve them until interrupted',
    run: 'pub',
    found,
  });
  pub
    .option('--as <NAME>', 'publish one file or folder under another name')
    .option('--watch', 'folders: publish again whenever something in them changes')
    .option('--replace', 'take over a name that another path of yours holds');
  const rights = add(program, 'rights <NAME...>', {
    does: 'change who may fetch files of yours and on which terms, at once',
    run: 'rights',
    found,
  });
  const put = add(program, 'put <PATH...>', {
    does: 'publish files and store them in a depot, where they stay when you leave',
    run: 'put',
    found,
  });
  put
    .option('--to <USERS>', 'at the depots of these users, a copy at each')
    .option('--copies <NUMBER>', 'at so many depots (default: 1)')
    .option('--open', 'whoever may fetch it may remove it; with a passcode, whoever knows that; else you alone')
    .option('--as <NAME>', 'store one file under another name')
    .option('--replace', 'take over a name that another path of yours holds');
  for (const command of [pub, rights, put]) addTermOptions(addRightsOptions(command));
  add(program, 'del <SELECTOR...>', { does: 'remove what is stored, with all copies', run: 'del', found }).option(
    '--passcode-file <FILE>',
    'file whose first line is the passcode; or set SHOAL_PASSCODE',
  );
  add(program, 'rename <NAME> <NEW>', { does: 'give a publication of yours another name', run: 'rename', found });
  add(program, 'unp <NAME...>', { does: 'withdraw files of yours', run: 'unp', found });
  add(program, 'get <SELECTOR>', { does: 'fetch a file or folder from all its sources at once', run: 'get', found })
    .option('--as <NAME>', 'save it under another name')
    .option('--force', 'replace a file that is there already, or bring a folder up to date')
    .option('--passcode-file <FILE>', 'file whose first line is the passcode; or set SHOAL_PASSCODE')
    .option('--priority <LEVEL>', 'high, normal or low: which of the waiting downloads begin first');
  add(program, 'link <SELECTOR>', {
    does: 'make a sealed URL for a file the running peer serves',
    run: 'link',
    found,
  }).option('--expires <TIME>', 'how long it works, such as 30m, 2h or 7d (default: 24h)');
  add(program, 'links', { does: 'list the links of the running peer', run: 'links', found });
  add(program, 'unlink <LINK>', { does: 'end a link', run: 'unlink', found });
  add(program, 'id <FILE>', { does: "print the id of a file's content, offline", run: 'id', found });
}

function addRightsOptions(command: Command): Command {
  return command
    .option('--for <USERS>', 'only for these users: names with commas between them')
    .option('--for-group <GROUPS>', 'only for the members of these groups')
    .option('--public', 'for everybody (as new names are, if nothing is said)');
}

function addTermOptions(command: Command): void {
  command
    .option(
      '--passcode',
      'lock it with a passcode that others must know to fetch it: you are asked for it, or SHOAL_PASSCODE has it',
    )
    .option('--passcode-file <FILE>', 'likewise, from the first line of this file')
    .option('--no-passcode', 'take the passcode away')
    .option('--expires <TIME>', 'hide it after this: 2h, 7d, 2026-12-24, 2026-12-24T18:00, or never')
    .option('--times <NUMBER>', 'how many users may fetch it, or unlimited')
    .option('--burn-after <NUMBER>', 'likewise, and after the last of them it is gone for all others');
}

/** About downloads of the running peer, each by its name or id, or without one when only one can be meant. */
function addDownloadWords(program: Command, found: Found): void {
  add(program, 'cancel [DOWNLOAD]', { does: 'stop a download; what was fetched stays', run: 'cancel', found });
  add(program, 'pause [DOWNLOAD]', { does: 'keep a download still, also over restarts', run: 'pause', found });
  add(program, 'resume [DOWNLOAD]', { does: 'go on with a paused download', run: 'resume', found });
  add(program, 'retry [DOWNLOAD]', {
    does: 'try a failed, stopped or waiting download again now',
    run: 'retry',
    found,
  });
  add(program, 'priority <LEVEL> [DOWNLOAD]', {
    does: 'high, normal or low: which of the waiting downloads begin first',
    run: 'priority',
    found,
  });
}

function addLimit(program: Command, found: Found): void {
  const limit = add(program, 'limit [DOWNLOAD]', {
    does: 'show or change how fast the running peer sends and receives; RATE is 800K, 10M or none',
    run: 'limit',
    found,
  });
  for (const { flag, does } of RATE_OPTIONS) limit.option(`${flag} <RATE>`, does);
  limit
    .option('--at <WHEN>', 'only then, such as "mon-fri 08:00-18:00", "sat,sun" or "22:00-06:00"')
    .option('--remove', 'forget the rates for --at WHEN');
}

function addListWords(program: Command, found: Found): void {
  add(program, 'lpf [USER]', { does: 'list what you publish, or what a user does', run: 'lpf', found });
  add(program, 'lap', { does: 'list the other active users', run: 'lap', found });
  const searches = [
    add(program, 'sch [TEXT]', {
      does: 'search names of files that others publish, inside folders too',
      run: 'sch',
      found,
    }),
    add(program, 'list', { does: 'list everything', run: 'list', found }),
  ];
  for (const search of searches) {
    if (search.name() === 'sch') addIgnoreCase(search);
    search.option('--all', 'also what is offline now, with when it was seen last');
    addSearchOptions(search, ['sort'])
      .option('--limit <ROWS>', 'rows wanted, at most 1000 (default: 100)')
      .option('--cursor <CURSOR>', 'go on where an earlier page ended');
  }
  add(program, 'at-risk', {
    does: 'list what one device alone has, or none seen lately',
    run: 'at-risk',
    found,
  }).option('--all', 'also of others');
  add(program, 'sources <SELECTOR>', { does: 'show who has a file now', run: 'sources', found });
  addSavedSearches(program, found);
  add(program, 'ls', { does: 'list the download folder: of the running peer, else here', run: 'ls', found });
  add(program, 'dir [FOLDER]', { does: 'show or change the download folder of the running peer', run: 'dir', found });
}

function addSavedSearches(program: Command, found: Found): void {
  const does = 'save a search: what others publish from now on and matches is told, or fetched, at once';
  const save = add(program, 'save [TEXT]', { does, run: 'save', found });
  addSearchOptions(addIgnoreCase(save))
    .option('--into <FOLDER>', 'fetch what matches into this folder by itself')
    .option('--up', 'what is offline now: tell, or fetch, as soon as a source is up, once');
  add(program, 'searches', { does: 'list your saved searches', run: 'searches', found });
  add(program, 'unsave <SEARCH>', { does: 'end a saved search', run: 'unsave', found });
}

function addIgnoreCase(command: Command): Command {
  return command.option('-i, --ignore-case', 'upper and lower case are the same');
}

function addSearchOptions(command: Command, more: readonly 'sort'[] = []): Command {
  for (const [key, [value, does]] of Object.entries(SEARCH_OPTIONS))
    if (key !== 'sort' || more.includes(key)) command.option(`${searchFlag(key)} <${value}>`, does);
  return command;
}

function addPeerWords(program: Command, found: Found): void {
  const admin = add(program, 'admin <words...>', {
    does: 'administer a tracker (with --tracker)',
    run: 'admin',
    found,
  });
  for (const [flags, description] of ADMIN_OPTIONS) admin.option(flags, description);
  admin.addHelpText('after', ADMIN_HELP);
  add(program, 'serve', { does: 'run the peer without a terminal, until SIGTERM or xit', run: 'serve', found });
  add(program, 'status', { does: 'show the connection and all transfers', run: 'status', found });
  add(program, 'xit', { does: 'end the running peer', run: 'xit', found });
  add(program, 'whoami', { does: 'show user, tracker and device', run: 'whoami', found });
  add(program, 'login', { does: 'prove the password, so that later commands need none', run: 'login', found });
  add(program, 'logout', { does: 'end the session for good', run: 'logout', found });
}

function addTrust(program: Command, found: Found): void {
  const trust = program
    .command('trust')
    .description('the trackers whose identity is pinned here')
    .helpOption('-h, --help', 'show help');
  trust.helpCommand(false).usage('add|list|forget');
  for (const option of addPeerOptions(new Command()).options) trust.addOption(option.hideHelp());
  trust.argument('[words...]').action((words: string[], _own: object, command: Command) => {
    const [word] = words;
    if (word === undefined) found({ kind: 'run', word: 'trust list', args: [], options: command.optsWithGlobals() });
    else found({ kind: 'problem', message: unknownTrustWord(word) });
  });
  add(trust, 'add <HOST:PORT[#PIN]>', { does: 'pin the identity of a tracker', run: 'trust add', found });
  add(trust, 'list', { does: 'list the pinned identities', run: 'trust list', found });
  add(trust, 'forget <HOST:PORT>', { does: 'forget one', run: 'trust forget', found });
}

function unknownTrustWord(word: string): string {
  const nearest = nearestWord(word, ['add', 'list', 'forget']);
  const hint = nearest === undefined ? '' : `Did you mean ${nearest}? `;
  return `There is no command ${JSON.stringify(`trust ${word}`)}. ${hint}See shoal trust --help.`;
}

function addLaterWords(program: Command, found: Found): void {
  for (const word of LATER_WORDS) {
    const command = program
      .command(word, { hidden: true })
      .allowUnknownOption()
      .allowExcessArguments()
      .helpOption(false);
    command.action(() => found({ kind: 'unknown', words: [word], options: command.optsWithGlobals() }));
  }
}

function allCommands(parent: Command): Command[] {
  return parent.commands.flatMap((command) => [command, ...allCommands(command)]);
}

/** The parser's own sentence, with its prefix taken off and a pointer to the help. */
function usageMessage({ code, message }: CommanderError): string {
  if (message.includes('--passcode='))
    return 'A passcode is never an argument: other users of this machine can read those. Use --passcode, --passcode-file FILE or SHOAL_PASSCODE.';
  const plain = message
    .replace(/^error: /, '')
    .replace(/\s+/g, ' ')
    .trim();
  if (code === 'commander.help' || plain === '' || plain === '(outputHelp)')
    return 'A word is missing. See shoal --help.';
  return `${plain.charAt(0).toUpperCase()}${plain.slice(1).replace(/[.]?$/, '.')} See shoal --help.`;
}
