/**
 * What a power loss may leave of the files of one folder, after a list of recorded system calls (`strace -y -xx`). What was written since
 * the last fsync of a file may be there, missing, or there in part by sectors, each write by itself; what was done to the folder
 * since its last fsync is there up to some moment. Whatever was synced is there.
 */
import { basename, dirname } from 'node:path';
import { integerBetween, type Random } from '../support/seed.js';

type FolderEvent =
  | { readonly kind: 'create' | 'remove'; readonly file: string }
  | { readonly kind: 'rename'; readonly file: string; readonly to: string };
type NoFile = { readonly kind: 'sync-folder' } | { readonly kind: 'ack' };
export type FileEvent =
  | FolderEvent
  | NoFile
  | { readonly kind: 'write'; readonly file: string; readonly offset: number | 'end'; readonly bytes: Buffer }
  | { readonly kind: 'truncate'; readonly file: string; readonly size: number }
  | { readonly kind: 'sync'; readonly file: string };

const SECTOR_BYTES = 512;
const TEXT = '"((?:\\\\x[0-9a-f]{2})*)"';
const PATTERNS: readonly (readonly [RegExp, (match: readonly string[]) => FileEvent | undefined])[] = [
  [
    new RegExp(`^pwrite64\\(\\d+<([^>]*)>, ${TEXT}, \\d+, (\\d+)\\)`),
    ([, file = '', bytes = '', at]) => ({ kind: 'write', file: text(file), offset: Number(at), bytes: bytesOf(bytes) }),
  ],
  [/^write\(1</, () => ({ kind: 'ack' })],
  [
    new RegExp(`^write\\(\\d+<([^>]*)>, ${TEXT}, \\d+\\)`),
    ([, file = '', bytes = '']) => ({ kind: 'write', file: text(file), offset: 'end', bytes: bytesOf(bytes) }),
  ],
  [/^(?:fsync|fdatasync)\(\d+<([^>]*)>\)/, ([, file = '']) => ({ kind: 'sync', file: text(file) })],
  [
    /^ftruncate\(\d+<([^>]*)>, (\d+)\)/,
    ([, file = '', size]) => ({ kind: 'truncate', file: text(file), size: Number(size) }),
  ],
  [
    new RegExp(`^openat\\([^,]*, ${TEXT}, ([A-Z_|]*)`),
    ([, path = '', flags = '']) => (flags.includes('O_CREAT') ? { kind: 'create', file: text(path) } : undefined),
  ],
  [new RegExp(`^unlink\\(${TEXT}\\)`), ([, path = '']) => ({ kind: 'remove', file: text(path) })],
  [
    new RegExp(`^rename\\(${TEXT}, ${TEXT}\\)`),
    ([, from = '', to = '']) => ({ kind: 'rename', file: text(from), to: text(to) }),
  ],
];

/** The calls that succeeded and have to do with the files in `folder`, and what the process said. */
export function readTrace(trace: string, folder: string): FileEvent[] {
  return trace.split('\n').flatMap((line) => {
    const call = line.replace(/^\d+ +/, '');
    if (/ = -1 E/.test(call)) return [];
    for (const [pattern, build] of PATTERNS) {
      const match = pattern.exec(call);
      if (match !== null) return within(build(match), folder);
    }
    return [];
  });
}

function within(event: FileEvent | undefined, folder: string): FileEvent[] {
  if (event === undefined) return [];
  if (!('file' in event)) return [event];
  if (event.kind === 'sync' && event.file === folder) return [{ kind: 'sync-folder' }];
  if (dirname(event.file) !== folder || event.file.endsWith('-shm')) return [];
  const named = { ...event, file: basename(event.file) };
  return [named.kind === 'rename' ? { ...named, to: basename(named.to) } : named];
}

function bytesOf(escaped: string): Buffer {
  return Buffer.from(escaped.replaceAll('\\x', ''), 'hex');
}

function text(escaped: string): string {
  return bytesOf(escaped).toString();
}

interface File {
  durable: Buffer;
  /** As the process sees it. */
  live: Buffer;
  pending: Change[];
}
type Change = { readonly at: number; readonly bytes: Buffer } | { readonly size: number };
type FolderChange = (names: Map<string, File>) => void;

export class CrashModel {
  readonly #live = new Map<string, File>();
  readonly #durable = new Map<string, File>();
  #pending: FolderChange[] = [];
  acknowledged = 0;

  apply(event: FileEvent): void {
    switch (event.kind) {
      case 'ack':
        this.acknowledged += 1;
        break;
      case 'sync-folder':
        for (const change of this.#pending.splice(0)) change(this.#durable);
        break;
      case 'create':
      case 'remove':
      case 'rename':
        this.#changeFolder(event);
        break;
      default:
        this.#changeFile(event);
    }
  }

  /** One of the states that a power loss at this moment may leave. */
  state(random: Random): Map<string, Buffer> {
    const names = new Map(this.#durable);
    for (const change of this.#pending.slice(0, integerBetween(random, 0, this.#pending.length))) change(names);
    return new Map([...names].map(([name, file]) => [name, contentAfterCrash(file, random)]));
  }

  #changeFolder(event: FolderEvent): void {
    const file = this.#live.get(event.file);
    if (event.kind === 'create' && file !== undefined) return;
    const made: File = { durable: Buffer.alloc(0), live: Buffer.alloc(0), pending: [] };
    this.#inFolder((names) => {
      if (event.kind === 'create') names.set(event.file, made);
      else names.delete(event.file);
      if (event.kind === 'rename' && file !== undefined) names.set(event.to, file);
    });
  }

  #inFolder(change: FolderChange): void {
    change(this.#live);
    this.#pending.push(change);
  }

  #changeFile(event: Exclude<FileEvent, FolderEvent | NoFile>): void {
    const file = this.#live.get(event.file);
    if (file === undefined) throw new Error(`${event.file} was never made`);
    if (event.kind === 'sync') {
      file.durable = file.live;
      file.pending = [];
      return;
    }
    const change: Change =
      event.kind === 'truncate'
        ? { size: event.size }
        : { at: event.offset === 'end' ? file.live.length : event.offset, bytes: event.bytes };
    file.live = changed(file.live, change);
    file.pending.push(change);
  }
}

function contentAfterCrash({ durable, pending }: File, random: Random): Buffer {
  // Mostly everything or nothing of a run of writes: the states between are too many to meet the telling ones by chance.
  const share = [0, 0.1, 0.5, 0.9, 1][integerBetween(random, 0, 4)] ?? 0;
  return pending.reduce<Buffer>((content, change) => {
    if (random() >= share) return content;
    if ('size' in change || random() < 0.7) return changed(content, change);
    const sectors = Math.ceil(change.bytes.length / SECTOR_BYTES);
    const first = integerBetween(random, 0, sectors - 1) * SECTOR_BYTES;
    const bytes = change.bytes.subarray(first, first + integerBetween(random, 1, sectors) * SECTOR_BYTES);
    return changed(content, { at: change.at + first, bytes });
  }, durable);
}

function changed(content: Buffer, change: Change): Buffer {
  if ('size' in change) {
    const cut = content.subarray(0, change.size);
    return Buffer.concat([cut, Buffer.alloc(change.size - cut.length)]);
  }
  const after = Buffer.alloc(Math.max(content.length, change.at + change.bytes.length));
  content.copy(after);
  change.bytes.copy(after, change.at);
  return after;
}
