/** The words, their usage and what `h` says about them. */
import { RATE_OPTIONS } from '../wording/limits.js';
import { type Layout, paragraph, paragraphs, stackedLayouts } from '../wording/listing.js';
import { SEARCH_OPTIONS, searchFlag } from '../wording/search-wish.js';
import { table } from '../wording/table.js';

export interface WordHelp {
  readonly usage: string;
  /** What it does, in a few words. */
  readonly does: string;
  readonly options?: readonly string[];
  /** Shown by `h WORD`. */
  readonly more: readonly string[];
}

export const WORDS = [
  'lpf',
  'lap',
  'pub',
  'unp',
  'rights',
  'rename',
  'put',
  'del',
  'at-risk',
  'sch',
  'list',
  'next',
  'save',
  'searches',
  'unsave',
  'get',
  'sources',
  'ls',
  'dir',
  'link',
  'links',
  'unlink',
  'status',
  'cancel',
  'pause',
  'resume',
  'retry',
  'priority',
  'limit',
  'clear',
  'h',
  'xit',
] as const;

export type Word = (typeof WORDS)[number];

/** Words that are known, but not here yet. */
export const LATER_WORDS: readonly string[] = ['doctor'];

const TERM_OPTIONS = ['--passcode', '--no-passcode', '--expires', '--times', '--burn-after'];
const TERM_HELP = [
  '--passcode asks for a passcode that others must know to fetch it; --no-passcode takes it away.',
  '--expires 7d or 2026-12-24 hides it after that time; --expires never takes that away.',
  '--times 3 lets three users fetch it; --burn-after 3 hides it after that. --times unlimited ends both.',
];

/** Flags that narrow a search. */
const FILTERS: readonly string[] = Object.keys(SEARCH_OPTIONS)
  .filter((key) => key !== 'sort')
  .map(searchFlag);
const FILTER_HELP: readonly string[] = Object.entries(SEARCH_OPTIONS)
  .filter(([key]) => key !== 'sort')
  .map(([key, [value, does]]) => `${searchFlag(key)} ${value}: ${does}.`);

export const WORD_HELP: Readonly<Record<Word, WordHelp>> = {
  lpf: {
    usage: 'lpf [USER]',
    does: 'list what you publish, or USER does',
    more: [
      'Your publications, also those on other devices of yours; or those of USER that you may fetch, online or not.',
    ],
  },
  lap: { usage: 'lap', does: 'list the other active users', more: [] },
  pub: {
    usage: 'pub PATH… [--as NAME] [--watch] [--replace] [--for USERS]',
    does: 'publish files and folders',
    options: ['--as', '--watch', '--replace', '--for', '--for-group', '--public', ...TERM_OPTIONS],
    more: [
      'Paths are relative to the folder where Shoal was started; patterns such as *.pdf work: * takes folders too, ** files alone.',
      'A folder is one publication; sch finds every file in it, and get takes NAME/PATH and patterns.',
      '--as NAME publishes one file or folder under another name.',
      '--watch keeps a folder published as it is, while Shoal runs.',
      '--replace takes over a name that another path of yours holds.',
      '--for bob,carol lets only them find and fetch it; --for-group team likewise the members of a group.',
      ...TERM_HELP,
      'Files stay published while you are offline, until unp.',
    ],
  },
  unp: {
    usage: 'unp NAME…',
    does: 'withdraw files of yours',
    more: ['NAME is a name that lpf shows, or id: and its digits.'],
  },
  rights: {
    usage: 'rights NAME… [--public | --for USERS | --for-group GROUPS] [--passcode] [--expires TIME]',
    does: 'change who may fetch',
    options: ['--public', '--for', '--for-group', ...TERM_OPTIONS],
    more: [
      'At once: who loses the right cannot find it any more, and downloads of it are cut.',
      'USERS and GROUPS are names with commas between them: --for bob,carol --for-group team.',
      ...TERM_HELP,
    ],
  },
  rename: {
    usage: 'rename NAME NEW',
    does: 'give a file of yours another name',
    more: ['For the publication alone: the file on your disk keeps its name, and nothing is hashed again.'],
  },
  put: {
    usage: 'put PATH… [--to USERS] [--copies N] [--open] [--for USERS]',
    does: 'publish and store in a depot',
    options: ['--as', '--replace', '--for', '--for-group', '--public', '--to', '--copies', '--open', ...TERM_OPTIONS],
    more: [
      'When it says stored, it is safe there, and others can fetch it while you are offline.',
      '--to archive,backup stores a copy at the depots of these users; --copies 2 at any two.',
      'Whoever runs a depot can read what is stored there. So what is not for everybody goes only where --to says.',
      '--open lets everybody who may fetch it remove it with del; with --passcode whoever knows that can; else only you.',
      '--as, --replace, --for, --for-group and the rest as for pub.',
    ],
  },
  del: {
    usage: 'del NAME…',
    does: 'remove what is stored',
    more: [
      'With all its copies, and the publication: yours, what was put --open, or what you know the passcode of.',
      'Files on your disk stay.',
    ],
  },
  'at-risk': {
    usage: 'at-risk [--all]',
    does: 'list what may be lost soon',
    options: ['--all'],
    more: [
      'Files of yours that one device alone has, or whose holders were not seen for three weeks.',
      '--all: also those of others that you may fetch.',
    ],
  },
  sch: {
    usage: 'sch TEXT [-i] [--all] [--type TYPES] …',
    does: 'search names that others publish',
    options: ['-i', '--all', ...FILTERS, '--sort'],
    more: [
      'Finds TEXT anywhere in a name, or in a path inside a folder, upper and lower case told apart.',
      '-i ignores case.',
      '--all shows also what is offline now, with when it was seen last.',
      ...FILTER_HELP,
      `--sort ORDER: ${SEARCH_OPTIONS.sort[1]}.`,
    ],
  },
  list: {
    usage: 'list [--all] [--sort ORDER] …',
    does: 'list everything',
    options: ['--all', ...FILTERS, '--sort'],
    more: ['--all shows also what is offline now.', 'Filters and orders as for sch; h sch tells of them.'],
  },
  next: { usage: 'next', does: 'show the next page of a long list', more: ['Of the latest sch or list.'] },
  save: {
    usage: 'save TEXT [-i] [--into FOLDER] …',
    does: 'be told of what is published later',
    options: ['-i', '--into', '--up', ...FILTERS],
    more: [
      'As soon as others publish something that matches you are told, also of what came while you were away.',
      '--into FOLDER fetches it there by itself, but for names that begin with a dot. Only save narrowly what is fetched by itself: it may be large.',
      '--up is for what is offline: told, or fetched, once a source of it is online; then the search ends.',
      '-i ignores case.',
      ...FILTER_HELP,
    ],
  },
  searches: { usage: 'searches', does: 'list your saved searches', more: [] },
  unsave: { usage: 'unsave SEARCH', does: 'end a saved search', more: ['SEARCH is an id that searches shows.'] },
  get: {
    usage: 'get NAME [--as NAME] [--force] [--priority high|normal|low]',
    does: 'fetch a file from all its sources',
    options: ['--as', '--force', '--priority'],
    more: [
      'NAME is a name, @OWNER/NAME, or id: and 16 digits or more, as lists show them.',
      'Of a folder also NAME/PATH, for a file or directory inside, and patterns: NAME/**/*.jpg.',
      'It runs in the background: the command line is free at once.',
      '--as NAME saves it under another name.',
      '--force replaces a file that is there already, or brings a folder up to date: only what changed is fetched.',
      '--priority high lets it begin before others that wait, low after them.',
      'A download that was stopped goes on where it was: get it again.',
    ],
  },
  ls: {
    usage: 'ls',
    does: 'list the download folder',
    more: ['What get has put there, and whatever else lies there.'],
  },
  dir: {
    usage: 'dir [FOLDER]',
    does: 'show or change the download folder',
    more: ['get puts files into FOLDER from now on, also when Shoal is started anew without --downloads.'],
  },
  sources: { usage: 'sources NAME', does: 'show who has a file now', more: ['NAME as for get.'] },
  link: {
    usage: 'link NAME',
    does: 'make a URL for a file of yours',
    more: [
      'For curl, wget or a browser, good for 24 hours. Whoever has it can fetch the file.',
      'It names the port of this peer, another one at each start: begin with --port for links that outlive a restart.',
    ],
  },
  links: { usage: 'links', does: 'list your links', more: [] },
  unlink: { usage: 'unlink LINK', does: 'end a link', more: ['LINK is an id that links shows, or its beginning.'] },
  status: { usage: 'status', does: 'show connection and transfers', more: [] },
  cancel: {
    usage: 'cancel [NAME]',
    does: 'stop a download',
    more: ['Without NAME: the only one under way. What was fetched stays for the next get.'],
  },
  pause: {
    usage: 'pause [NAME]',
    does: 'keep a download still',
    more: ['Without NAME: the only one under way. It stays paused until resume, also when Shoal is started anew.'],
  },
  resume: { usage: 'resume [NAME]', does: 'go on with a paused download', more: ['Without NAME: the only one.'] },
  retry: {
    usage: 'retry [NAME]',
    does: 'try a download again now',
    more: [
      'For one that failed or was stopped, or that waits for its next try.',
      'When nobody has the file, the tracker is away or the disk is full, it is tried again by itself, later each time.',
    ],
  },
  priority: {
    usage: 'priority high|normal|low [NAME]',
    does: 'which download begins first',
    more: ['Of those that wait the highest begins first; what runs already goes on. get has --priority too.'],
  },
  limit: {
    usage: 'limit [NAME] [--up RATE] [--down RATE] [--at WHEN]',
    does: 'how fast to send and receive',
    options: [...RATE_OPTIONS.map(({ flag }) => flag), '--at', '--remove'],
    more: [
      'RATE is 800K, 10M or none, a second; without one the limits are shown. They count at once and after a restart.',
      '--up and --down limit all together, --peer-up and --peer-down each other peer, --transfer-up and --transfer-down each transfer.',
      'limit NAME --down RATE limits that download alone.',
      '--at "mon-fri 08:00-18:00" makes the rates count only then; with --remove it is forgotten.',
    ],
  },
  clear: { usage: 'clear', does: 'clear results and messages', more: [] },
  h: { usage: 'h [WORD]', does: 'help; with a word, more about it', more: [] },
  xit: { usage: 'xit', does: 'leave Shoal', more: ['Downloads go on at the next start, from where they are.'] },
};

/** What `h` shows: all words, or everything about one. */
export function helpLayout(topic: Word | undefined): Layout {
  if (topic !== undefined) {
    const { usage, does, more } = WORD_HELP[topic];
    return stackedLayouts([paragraph(usage, 'strong'), ...[does, ...more].map((text) => paragraph(`  ${text}`))]);
  }
  const columns = [
    { title: 'WORD', cell: (word: Word) => WORD_HELP[word].usage, tone: 'strong' as const },
    { title: 'WHAT IT DOES', cell: (word: Word) => WORD_HELP[word].does },
  ];
  return stackedLayouts([
    (width) => table(WORDS, columns, width),
    paragraphs(['Quote names with spaces. h WORD tells more about one word.'], 'faint'),
  ]);
}
