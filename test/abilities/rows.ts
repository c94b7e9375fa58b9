/**
 * Every ability that Shoal has to keep, row by row, and the tests with real processes that show it. `record.ts` holds this list against
 * each run of all tests: a row that nothing shows, or whose test did not run or failed, fails the run.
 */

/** `FILE: TITLE`, the file below test/ without its ending, the title without those of its describes; `*` for all tests of the file. */
export type TestName = `${string}: ${string}`;

export type Row = { readonly ability: string } & (
  | { readonly shownBy: readonly [TestName, ...TestName[]] }
  /** Not to be shown by a test with real processes; the words say why. */
  | { readonly excepted: string }
);

export const ROWS: Readonly<Record<string, Row>> = {
  'R0.1': {
    ability: 'log in with user and password',
    shownBy: [
      'e2e/every-request: answers login over udp',
      'e2e/every-request: answers login over tcp',
      'e2e/one-shot: 3 for a wrong password, with one text for wrong users too',
    ],
  },
  'R0.2': {
    ability: 'an access key authenticates every later message, new for every session',
    shownBy: [
      'e2e/every-request: answers resume over udp, with the same session and another key',
      'e2e/every-request: answers resume over tcp, with the same session and another key',
    ],
  },
  'R0.3': {
    ability: 'persistent connections, idle ones dropped',
    shownBy: [
      'e2e/everyday: serve many requests each, and stay open between them',
      'e2e/everyday: are dropped when they stay silent, while those in use stay',
    ],
  },
  'R0.4': {
    ability: 'integrity of every message and file; the sender is told when it fails, and may send again',
    shownBy: [
      'e2e/lossy-requests: applies every mutation exactly once, whichever datagram is lost',
      'e2e/transfer: takes the whole file from the honest source when another one lies',
      'e2e/transfer: refuses a file that was changed behind the publisher, with the old size and time, and never saves a mix',
    ],
  },
  'R0.5': {
    ability: 'public or protected files with a list of authorised users',
    shownBy: ['e2e/rights: hide a file from all but those it is for, in every command'],
  },
  'R0.6': {
    ability: 'many users at once',
    shownBy: ['e2e/crowd: are all served, and whoever leaves frees everything at the tracker and at the source'],
  },
  'R0.7': {
    ability: 'upload, download, delete and replace a file',
    shownBy: [
      'e2e/depot: keeps what was put when its owner is gone, for those alone who may fetch it, until it is replaced, and removed',
      'e2e/depot: takes folders: the whole and each path are there with the owner gone, a new content replaces the old, del removes it',
    ],
  },
  'R0.8': {
    ability: 'messages can be extended: unknown fields are ignored',
    shownBy: ['e2e/everyday: take no notice of fields that a later version may have'],
  },
  'R0.9': {
    ability: '.env with PORT',
    shownBy: ['tracker/commands: takes its port from .env in the data folder, below its flags'],
  },
  'R0.10': {
    ability: 'everything is refused before authentication',
    shownBy: [
      'e2e/everyday: are refused everything before a login',
      'e2e/noise: sends no byte of a file to forged, foreign and missing tickets',
    ],
  },

  'R1.1': {
    ability: 'list the own folder and what is shared',
    shownBy: [
      'e2e/find: ls lists the download folder, dir changes that of the running peer',
      'e2e/find: goes through a sorted list page by page, each row once',
    ],
  },
  'R1.2': {
    ability: 'choose the download folder',
    shownBy: ['e2e/find: ls lists the download folder, dir changes that of the running peer'],
  },
  'R1.3': {
    ability: 'upload and download with progress bars',
    shownBy: [
      'e2e/depot: takes a file from a terminal with a moving bar, and another terminal finds, fetches and removes it',
      'e2e/terminal-session: logs in, publishes, lists, searches, fetches with a moving bar, withdraws and leaves, all to be read on the screen',
    ],
  },
  'R1.4': {
    ability: 'help by h',
    shownBy: [
      'e2e/terminal-session: logs in, publishes, lists, searches, fetches with a moving bar, withdraws and leaves, all to be read on the screen',
    ],
  },
  'R1.5': {
    ability: 'Fernet (sealed tokens: sessions and links)',
    shownBy: [
      'e2e/everyday: make the identity and seal the sessions: with them a session outlives the tracker, with another seal key it does not',
      'e2e/link: answers 401 without a token, 403 to a token for another file, 404 to an unknown one, 416 to a range beyond the end',
    ],
  },
  'R1.6': {
    ability: 'the administrator can set the keys',
    shownBy: [
      'e2e/everyday: make the identity and seal the sessions: with them a session outlives the tracker, with another seal key it does not',
    ],
  },
  'R1.7': {
    ability: 'checksum; a corrupt file is never kept',
    shownBy: [
      'e2e/transfer: takes the whole file from the honest source when another one lies',
      'e2e/transfer: refuses a file that was changed behind the publisher, with the old size and time, and never saves a mix',
    ],
  },
  'R1.8': {
    ability: 'open or passcode-protected files; a wrong passcode is refused',
    shownBy: [
      'e2e/sharing: a passcode is asked for by get, refused when wrong, and remembered for a renewed try; no log has it',
      'e2e/everyday: locks one file and leaves the others open; without it or with a wrong one nothing is fetched',
    ],
  },
  'R1.9': {
    ability: 'resume after a lost connection from the last confirmed chunk',
    shownBy: [
      'e2e/transfer: goes on by itself when its only source is killed and comes back, and after it was killed itself; nothing verified comes twice',
    ],
  },
  'R1.10': {
    ability: 'delete: open files by anyone, protected ones with the passcode',
    shownBy: [
      'e2e/depot: runs inside the tracker; anybody removes what is open, whoever knows it what has a passcode, an admin anything, as the audit says',
    ],
  },
  'R1.11': {
    ability: 'clear errors, and no input crashes it',
    shownBy: [
      'e2e/one-shot: 4 for what is not there',
      'e2e/noise: *',
      'e2e/terminal-session: survives a megabyte pasted into the command line and unknown words, and says so',
    ],
  },
  'R1.12': {
    ability: 'ten or more clients at once; one that leaves frees everything',
    shownBy: ['e2e/crowd: are all served, and whoever leaves frees everything at the tracker and at the source'],
  },
  'R1.13': {
    ability: 'a client that was started first waits for the server',
    shownBy: [
      'e2e/one-shot: waits for a tracker that is not there yet',
      'e2e/terminal-session: waits for a tracker that is started later, then asks about its fingerprint and goes in',
    ],
  },

  'R2.1': {
    ability: 'put, get and list as single commands',
    shownBy: [
      'e2e/depot: keeps what was put when its owner is gone, for those alone who may fetch it, until it is replaced, and removed',
      'e2e/depot: shares copies out among several depots, from many at once; beyond a quota or its room it says so before a byte moves',
      'e2e/one-shot: sch is case-sensitive, leaves out my own and what is offline; -i, list and --all widen it',
    ],
  },
  'R2.2': { ability: 'a graphical client', excepted: 'graphical: the web page comes later' },
  'R2.3': { ability: 'a graphical server', excepted: 'graphical: the dashboard comes later' },
  'R2.4': {
    ability: '"already exists" is asked or refused, nothing is overwritten',
    shownBy: ['e2e/transfer: never overwrites a file, unless it is told to with --force'],
  },
  'R2.5': {
    ability: 'large files pass without being in memory as a whole',
    shownBy: ['e2e/everyday: goes through both ends without ever being in memory as a whole'],
  },
  'R2.6': {
    ability: 'the server leaves when idle for some time',
    shownBy: ['e2e/start: ends by itself after the last session and its time, with exit code 0'],
  },
  'R2.7': {
    ability: 'use across networks without forwarding a port',
    shownBy: [
      'e2e/reach: is downloaded from all the same: it dials back, or both meet at the relay, and it is shown which',
    ],
  },
  'R2.8': {
    ability: 'ready-made executables that need no Node',
    shownBy: ['e2e/single-file: *'],
  },

  'R3.1': {
    ability: 'list answers id, name and size, or that there are none',
    shownBy: [
      'e2e/plain-text: counts and names without one escape code, whether or not NO_COLOR is set',
      'e2e/one-shot: lpf lists my publications',
    ],
  },
  'R3.2': {
    ability: 'the id is the hash of the content',
    shownBy: ['e2e/one-shot: sources, status, whoami and id answer'],
  },
  'R3.3': {
    ability: 'download by id',
    shownBy: [
      'e2e/transfer: lists the choices when two users publish different files under one name, and mixes nothing',
    ],
  },
  'R3.4': {
    ability: 'both ends hash and compare; success or failure is said',
    shownBy: [
      'e2e/plain-text: says published, unpublished, downloaded successfully',
      'e2e/transfer: refuses a file that was changed behind the publisher, with the old size and time, and never saves a mix',
    ],
  },
  'R3.5': {
    ability: 'logs of both ends',
    shownBy: [
      'e2e/everyday: of tracker, publisher and downloader say who did what with which outcome, in lines of JSON',
    ],
  },
  'R3.6': {
    ability: 'one connection serves many requests',
    shownBy: ['e2e/everyday: serve many requests each, and stay open between them'],
  },

  'R4.1': {
    ability: 'credentials.txt',
    shownBy: [
      'e2e/start: shows the login screen, and two terminals log in as two users of the sample accounts',
      'e2e/bad-settings: refuses a broken credentials file with the line, and starts nothing',
    ],
  },
  'R4.2': {
    ability: 'login, heartbeat, publish, unpublish, search and the lists as JSON over UDP and over TCP',
    shownBy: ['e2e/every-request: *'],
  },
  'R4.3': {
    ability: 'heartbeats and the file server go on while the user types',
    shownBy: [
      'e2e/terminal-session: goes on typing while a download runs: commands answer, history and completion work',
    ],
  },
  'R4.4': {
    ability: 'inactive peers expire',
    shownBy: ['e2e/restart: is listed for three heartbeats, then no more, nor are its files found'],
  },
  'R4.5': { ability: 'lpf', shownBy: ['e2e/one-shot: lpf lists my publications'] },
  'R4.6': {
    ability: 'lap',
    shownBy: ['e2e/one-shot: lap lists other active users, and one-shot commands are not among them'],
  },
  'R4.7': {
    ability: 'pub',
    shownBy: ['e2e/one-shot: pub of several files tells each outcome; one that is missing does not stop the others'],
  },
  'R4.8': {
    ability: 'unp',
    shownBy: [
      'e2e/one-shot: pub and unp say what they did, and resolve paths in the directory of the caller, also when attached',
    ],
  },
  'R4.9': {
    ability: 'sch',
    shownBy: [
      'e2e/one-shot: sch is case-sensitive, leaves out my own and what is offline; -i, list and --all widen it',
      'e2e/find: narrows by size, type, owner, date and id, and sorts',
    ],
  },
  'R4.10': {
    ability: 'get directly from the peer, in chunks',
    shownBy: [
      'e2e/one-shot: get prints transfer events and one result, and saves in the current directory',
      'e2e/restart: finishes a get while the tracker is away to the end',
    ],
  },
  'R4.11': {
    ability: 'xit ends every loop and socket',
    shownBy: [
      'e2e/transfer: fails over when the source it uses is ended by xit, which takes at most two seconds',
      'e2e/terminal-session: logs in, publishes, lists, searches, fetches with a moving bar, withdraws and leaves, all to be read on the screen',
    ],
  },
  'R4.12': {
    ability: 'a publication survives its owner going offline and coming back',
    shownBy: [
      'e2e/restart: serves an acknowledged publication of a peer that was itself killed and came back, with no password given',
    ],
  },
  'R4.13': {
    ability: 'several users may publish one name, or the same content',
    shownBy: [
      'e2e/transfer: takes one content from two users who publish it under names of their own, each a fair part',
      'e2e/transfer: lists the choices when two users publish different files under one name, and mixes nothing',
    ],
  },
};

/** How many rows each group has. */
const GROUPS: Readonly<Record<string, number>> = { R0: 10, R1: 13, R2: 8, R3: 6, R4: 13 };

/** All rows that must be in the list, in order. */
export const ROW_NAMES: readonly string[] = Object.entries(GROUPS).flatMap(([group, count]) =>
  Array.from({ length: count }, (_, index) => `${group}.${index + 1}`),
);
