/**
 * What travels through the local socket between a running peer and the other programs of the same user: one JSON object a line, both
 * ways. Only the shapes, their limits and how a line is read; sockets are in `local-server.ts` and `attached-peer.ts`. The socket is open
 * to its owner alone, so the checks here protect against mistakes and version skew, not against an attacker.
 */
import type { CommandName, Commands, PeerErrorCode, PeerProblem, PeerState, ProgressEvent } from '../api.js';
import { PeerError } from '../api.js';

/** Said in the greeting; a client of another version does not go on. */
export const LOCAL_VERSION = 1;

/** Longest line to the peer: a shell's whole argument list (2 MiB) as absolute paths fits several times. */
export const MAX_REQUEST_BYTES = 16 * 1024 * 1024;

/** Longest line from the peer: `lpf` of about 500,000 publications. */
export const MAX_ANSWER_BYTES = 256 * 1024 * 1024;

/** Calls one client may have under way; further ones are refused with `too-many`. */
export const MAX_CALLS_A_CLIENT = 256;

/** Client to peer. */
export type LocalRequest =
  | {
      readonly kind: 'call';
      readonly id: number;
      readonly name: CommandName;
      readonly input: object;
      readonly progress: boolean;
    }
  | { readonly kind: 'cancel'; readonly id: number }
  | { readonly kind: 'watch'; readonly on: boolean };

/** Peer to client. */
export type LocalAnswer =
  | { readonly hello: number; readonly state: PeerState }
  | { readonly state: PeerState }
  | { readonly id: number; readonly progress: ProgressEvent }
  | { readonly id: number; readonly result: object }
  | { readonly id: number; readonly problem: PeerProblem };

/** A request that cannot be run; `id` is the call to answer, when one could be read. */
export class LocalRequestError extends Error {
  override readonly name = 'LocalRequestError';
  readonly id: number | undefined;
  constructor(message: string, options: ErrorOptions & { readonly id?: number } = {}) {
    super(message, options);
    this.id = options.id;
  }
}

export function encodeCall(id: number, name: CommandName, input: object, progress: boolean): string {
  return `${JSON.stringify({ call: name, id, input, progress })}\n`;
}

export function encodeCancel(id: number): string {
  return `${JSON.stringify({ cancel: id })}\n`;
}

export function encodeWatch(on: boolean): string {
  return `${JSON.stringify({ watch: on })}\n`;
}

export function encodeAnswer(answer: LocalAnswer): string {
  return `${JSON.stringify(answer)}\n`;
}

/** Reads one line of a client. @throws {LocalRequestError} saying what is wrong with it. */
export function parseRequest(line: string): LocalRequest {
  const message = parseObject(line);
  if (isId(message['cancel'])) return { kind: 'cancel', id: message['cancel'] };
  if (typeof message['watch'] === 'boolean') return { kind: 'watch', on: message['watch'] };
  const { id, call, input } = message;
  if (!isId(id)) throw new LocalRequestError('expected {"call", "id", "input"}, {"cancel"} or {"watch"}');
  if (!isCommandName(call)) throw new LocalRequestError(`unknown command: ${JSON.stringify(call)}`, { id });
  if (!isObject(input)) throw new LocalRequestError(`the input of ${call} must be an object`, { id });
  checkInput(call, input, id);
  return { kind: 'call', id, name: call, input, progress: message['progress'] === true };
}

/** Reads one line of a peer. @throws {PeerError} `protocol` when it is none. */
export function parseAnswer(line: string): LocalAnswer {
  try {
    const answer = parseObject(line);
    const isAnswer =
      isObject(answer['state']) || (isId(answer['id']) && ANSWER_FIELDS.some((field) => isObject(answer[field])));
    if (isAnswer) return answer as LocalAnswer;
  } catch (cause) {
    if (!(cause instanceof LocalRequestError)) throw cause;
  }
  throw new PeerError({
    code: 'protocol',
    message: 'The running peer sent something that is no answer. End it (shoal xit) and start it again.',
  });
}

const ANSWER_FIELDS = ['progress', 'result', 'problem'];

/** Anything thrown by a peer, as data. Unknown errors are ours: they keep their text and get the code `internal`. */
export function problemOf(error: unknown, signal?: AbortSignal): PeerProblem {
  if (error instanceof PeerError) return error.problem;
  if (signal?.aborted === true) return { code: 'interrupted', message: '' };
  const code: PeerErrorCode = 'internal';
  return { code, message: error instanceof Error ? error.message : String(error) };
}

type FieldType = 'object' | 'string' | 'boolean' | 'number' | 'strings' | 'rights' | 'terms';
type Fields = Readonly<Record<string, FieldType>>;

const FILTER_FIELDS: Fields = {
  'owner?': 'string',
  'idPrefix?': 'string',
  'minSize?': 'number',
  'maxSize?': 'number',
  'publishedAfter?': 'number',
  'publishedBefore?': 'number',
  'endings?': 'strings',
  'kind?': 'string',
};

/** Fields of every command's input; a name that ends in `?` may be absent. Unknown fields are ignored. */
const INPUT_FIELDS: { readonly [K in keyof Commands]: Fields } = {
  lpf: { 'user?': 'string' },
  lap: {},
  pub: { paths: 'strings', 'as?': 'string', 'replace?': 'boolean', 'rights?': 'rights', 'terms?': 'terms' },
  unp: { selectors: 'strings' },
  rights: { selectors: 'strings', 'rights?': 'rights', 'terms?': 'terms' },
  rename: { selector: 'string', name: 'string' },
  put: {
    paths: 'strings',
    'as?': 'string',
    'replace?': 'boolean',
    'rights?': 'rights',
    'terms?': 'terms',
    'depots?': 'strings',
    'copies?': 'number',
    'open?': 'boolean',
  },
  del: { selectors: 'strings', 'passcode?': 'string' },
  atRisk: { 'all?': 'boolean' },
  sch: {
    text: 'string',
    'ignoreCase?': 'boolean',
    'all?': 'boolean',
    'mine?': 'boolean',
    ...FILTER_FIELDS,
    'sort?': 'string',
    'limit?': 'number',
    'cursor?': 'string',
  },
  save: { text: 'string', 'ignoreCase?': 'boolean', ...FILTER_FIELDS, 'into?': 'string', 'untilUp?': 'boolean' },
  searches: {},
  unsave: { searchId: 'string' },
  ls: {},
  dir: { 'directory?': 'string' },
  get: {
    selector: 'string',
    'directory?': 'string',
    'as?': 'string',
    'force?': 'boolean',
    'priority?': 'string',
    'passcode?': 'string',
  },
  sources: { selector: 'string' },
  link: { selector: 'string', 'expiresInMs?': 'number' },
  links: {},
  unlink: { linkId: 'string' },
  cancel: { 'transfer?': 'string' },
  pause: { 'transfer?': 'string' },
  resume: { 'transfer?': 'string' },
  retry: { 'transfer?': 'string' },
  priority: { 'transfer?': 'string', priority: 'string' },
  admin: { action: 'object' },
  limit: {
    'transfer?': 'string',
    'at?': 'string',
    'remove?': 'boolean',
    'up?': 'number',
    'down?': 'number',
    'peerUp?': 'number',
    'peerDown?': 'number',
    'transferUp?': 'number',
    'transferDown?': 'number',
  },
  status: {},
  whoami: {},
  logout: {},
  xit: {},
};

function checkInput(name: CommandName, input: Record<string, unknown>, id: number): void {
  for (const [key, type] of Object.entries(INPUT_FIELDS[name])) {
    const field = key.replace('?', '');
    const value = input[field];
    if (value === undefined && key.endsWith('?')) continue;
    if (!isOfType(value, type)) throw new LocalRequestError(`${name}: "${field}" must be ${TYPE_TEXTS[type]}`, { id });
  }
}

const TYPE_TEXTS: Readonly<Record<FieldType, string>> = {
  string: 'a string',
  boolean: 'true or false',
  number: 'a number',
  strings: 'a list of strings',
  object: 'an object',
  rights: '"public", or lists of users and groups',
  terms: 'an object of passcode, expiresAt and downloads',
};

function isOfType(value: unknown, type: FieldType): boolean {
  if (type === 'strings') return Array.isArray(value) && value.every((item) => typeof item === 'string');
  if (type === 'rights')
    return (
      value === 'public' || (isObject(value) && ['users', 'groups'].every((key) => isOfType(value[key], 'strings')))
    );
  if (type === 'terms') return isTerms(value);
  if (type === 'object') return isObject(value);
  return typeof value === type;
}

function isTerms(value: unknown): boolean {
  if (!isObject(value)) return false;
  const { passcode, expiresAt, downloads } = value;
  const isKept = (field: unknown): boolean => field === undefined || field === null;
  return (
    (isKept(passcode) || typeof passcode === 'string') &&
    (isKept(expiresAt) || isId(expiresAt)) &&
    (isKept(downloads) || (isObject(downloads) && isId(downloads['most']) && typeof downloads['burn'] === 'boolean'))
  );
}

function parseObject(line: string): Record<string, unknown> {
  const value = parseJson(line);
  if (!isObject(value)) throw new LocalRequestError('not a JSON object');
  return value;
}

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch (cause) {
    throw new LocalRequestError('not a line of JSON', { cause }); // the parser's own text would repeat the input
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isId(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isCommandName(value: unknown): value is CommandName {
  return typeof value === 'string' && Object.hasOwn(INPUT_FIELDS, value);
}
