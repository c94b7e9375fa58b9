import { createHash } from 'node:crypto';
import { userInfo } from 'node:os';
import { join } from 'node:path';

/** Whose socket: one running peer for each tracker identity and user in one data folder. */
export interface LocalPathInput {
  readonly dataDir: string;
  /** The tracker's pin, `sha256:…`. */
  readonly pin: string;
  readonly user: string;
}

/** `sun_path` holds 104 bytes on macOS and 108 on Linux, the closing NUL included; a longer one is cut or refused. */
const MAX_SOCKET_PATH_BYTES = 103;

/**
 * Where the local socket of a running peer lies: `<data>/run/<12 hex>.sock`, a named pipe on Windows. In a data folder whose path is too
 * long for a socket it lies in a private folder of this user under /tmp instead; who listens and who attaches check first whose it is (`socket-folder.ts`).
 */
export function localSocketPath({ dataDir, pin, user }: LocalPathInput, platform: NodeJS.Platform): string {
  const name = hex(`${pin}/${user.toLowerCase()}`, 12);
  if (platform === 'win32') return `\\\\.\\pipe\\shoal-${name}-${hex(dataDir, 8)}`; // pipes have one name space for all folders
  const path = join(dataDir, 'run', `${name}.sock`);
  if (Buffer.byteLength(path) <= MAX_SOCKET_PATH_BYTES) return path;
  return join('/tmp', `shoal-${userInfo().uid}-${hex(dataDir, 8)}`, `${name}.sock`);
}

function hex(text: string, digits: number): string {
  return createHash('sha256').update(text).digest('hex').slice(0, digits);
}
