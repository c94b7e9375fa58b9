// What Linux says about a running process: memory, open files, sockets. For tests of memory limits and of leaks.
import { readdir, readFile, readlink, writeFile } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';

const SAMPLE_EVERY_MS = 20;
const TCP_LISTEN = 0x0a;

export interface ProcessMemory {
  /** Largest resident size so far (VmHWM). */
  readonly peakBytes: number;
  /** Resident size now (VmRSS). */
  readonly residentBytes: number;
}

export interface OpenSocket {
  readonly protocol: 'tcp' | 'udp';
  readonly localHost: string;
  readonly localPort: number;
  readonly remoteHost: string;
  /** 0 when the socket is not connected. */
  readonly remotePort: number;
  readonly isListening: boolean;
}

/** @throws when the process has ended: a zombie has no memory to report. */
export async function processMemory(pid: number): Promise<ProcessMemory> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  const kibibytes = (field: string): number => {
    const value = new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1];
    if (value === undefined) throw new Error(`process ${pid} has ended: no ${field} in its status`);
    return Number(value);
  };
  return { peakBytes: kibibytes('VmHWM') * 1024, residentBytes: kibibytes('VmRSS') * 1024 };
}

/** Largest resident size of a living process so far, in bytes. */
export async function peakMemory(pid: number): Promise<number> {
  return (await processMemory(pid)).peakBytes;
}

/** Makes the peak start anew from the present size, so that one phase can be measured. */
export async function resetPeakMemory(pid: number): Promise<void> {
  await writeFile(`/proc/${pid}/clear_refs`, '5');
}

/** Looks at a process until it ends and returns its largest resident size; for commands that end by themselves. */
export async function peakMemoryUntilExit(pid: number): Promise<number> {
  for (let peakBytes = 0; ; ) {
    try {
      peakBytes = await peakMemory(pid);
    } catch (error) {
      if (peakBytes > 0) return peakBytes;
      throw error;
    }
    await pause(SAMPLE_EVERY_MS);
  }
}

/** How many file descriptors the process holds. */
export async function openFileCount(pid: number): Promise<number> {
  return (await readdir(`/proc/${pid}/fd`)).length;
}

/** TCP and UDP sockets that the process holds. */
export async function openSockets(pid: number): Promise<OpenSocket[]> {
  const inodes = new Set((await openFiles(pid)).map((target) => /^socket:\[(\d+)\]$/.exec(target)?.[1]));
  const tables = await Promise.all(
    (['tcp', 'tcp6', 'udp', 'udp6'] as const).map(async (table) => {
      const rows = (await readFile(`/proc/${pid}/net/${table}`, 'utf8')).trim().split('\n').slice(1);
      return rows
        .map((row) => row.trim().split(/\s+/))
        .filter((row) => inodes.has(row[9]))
        .map((row) => parseRow(table, row));
    }),
  );
  return tables.flat();
}

/** Ids of the direct children of a process. */
export async function childrenOf(pid: number): Promise<number[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const parents = await Promise.all(pids.map(parentOf));
  return pids.filter((_, index) => parents[index] === pid);
}

/** Whether a process with this id runs; one that ended but was not collected yet counts as ended. */
export async function isRunning(pid: number): Promise<boolean> {
  const fields = await statFields(pid);
  return fields !== undefined && fields[0] !== 'Z';
}

/** When the process began, in clock ticks since boot: tells a process from a later one with the same id. */
export async function startedAtTicks(pid: number): Promise<number | undefined> {
  const fields = await statFields(pid);
  return fields === undefined ? undefined : Number(fields[19]);
}

/** What the descriptors of a process lead to: file paths, `socket:[…]`, `pipe:[…]`. */
async function openFiles(pid: number): Promise<string[]> {
  const descriptors = await readdir(`/proc/${pid}/fd`);
  const targets = await Promise.allSettled(descriptors.map((fd) => readlink(`/proc/${pid}/fd/${fd}`)));
  return targets.filter((target) => target.status === 'fulfilled').map((target) => target.value);
}

async function parentOf(pid: number): Promise<number> {
  return Number((await statFields(pid))?.[1]);
}

/** Fields of /proc/PID/stat from the state (field 3) on; the name before it may hold spaces and brackets. */
async function statFields(pid: number): Promise<string[] | undefined> {
  try {
    const text = await readFile(`/proc/${pid}/stat`, 'utf8');
    return text.slice(text.lastIndexOf(')') + 2).split(' ');
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw error;
  }
}

function parseRow(table: 'tcp' | 'tcp6' | 'udp' | 'udp6', row: readonly string[]): OpenSocket {
  const [localHost, localPort] = parseAddress(row[1] ?? '');
  const [remoteHost, remotePort] = parseAddress(row[2] ?? '');
  const protocol = table.startsWith('tcp') ? 'tcp' : 'udp';
  const isListening = protocol === 'tcp' && Number.parseInt(row[3] ?? '', 16) === TCP_LISTEN;
  return { protocol, localHost, localPort, remoteHost, remotePort, isListening };
}

/** The kernel prints addresses as 32-bit words in the byte order of the machine. */
function parseAddress(text: string): [host: string, port: number] {
  const [hex = '', port = ''] = text.split(':');
  const bytes = Buffer.from(hex, 'hex').swap32();
  const host = bytes.length === 4 ? [...bytes].join('.') : (bytes.toString('hex').match(/.{4}/g) ?? []).join(':');
  return [host, Number.parseInt(port, 16)];
}
