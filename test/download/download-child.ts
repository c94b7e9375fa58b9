// A process that fetches one file and prints what came of it, for tests that kill it or let its system calls fail. Not a test itself.
import { openSync, writeSync } from 'node:fs';

import { loadOrCreateIdentity } from '../../common/wire/identity.js';
import { PeerError } from '../../peer/api.js';
import { directly } from '../../peer/download/connector.js';
import type { DownloadRequest } from '../../peer/download/download-request.js';
import type { SourcesOfPublication } from '../../peer/download/download-tracker.js';
import { Downloads } from '../../peer/download/downloads.js';
import { dialPeer } from '../../peer/file-port/dial-peer.js';
import type { PeerConnection } from '../../peer/file-port/peer-connection.js';

export interface ChildTask {
  readonly identity: string;
  readonly request: DownloadRequest;
  readonly sources: SourcesOfPublication;
  readonly stateDir?: string;
  readonly threadFromBytes?: number;
  /** How many bytes of chunks the program has taken from the network is written here with each read, before anything is done with them. */
  readonly countFile?: string;
}

export interface ChildOutcome {
  readonly code: string;
  readonly message?: string;
  readonly receivedBytes?: number;
  readonly resumedBytes?: number;
  readonly duplicateBytes?: number;
  /** The most memory it had, bytes. */
  readonly peakBytes?: number;
}

async function main(): Promise<ChildOutcome> {
  const task = JSON.parse(process.env['DOWNLOAD_TASK'] ?? '') as ChildTask;
  const identity = await loadOrCreateIdentity(task.identity, { commonName: 'child' });
  const count = task.countFile === undefined ? undefined : counterIn(task.countFile);
  const downloads = new Downloads({
    tracker: { sources: async () => task.sources, hold: async () => undefined },
    connector: directly(async ({ host, port }, pin, { signal }) => {
      const connection = await dialPeer({ host, port, pin, identity }, { signal });
      if (count !== undefined) countChunks(connection, count);
      return connection;
    }),
    ownPin: identity.pin,
    stateDir: task.stateDir,
    threadFromBytes: task.threadFromBytes,
    isSharing: false,
    onNotice: () => undefined,
    onUpdate: () => undefined,
  });
  try {
    const row = await downloads.get(task.request, { signal: new AbortController().signal });
    const { receivedBytes, resumedBytes, duplicateBytes = 0 } = row;
    return { code: 'done', receivedBytes, resumedBytes, duplicateBytes };
  } catch (error) {
    return error instanceof PeerError
      ? { code: error.code, message: error.message }
      : { code: 'bug', message: String(error) };
  } finally {
    await downloads.stop();
  }
}

function counterIn(file: string): (bytes: number) => void {
  const fd = openSync(file, 'w');
  const total = new Float64Array(1);
  return (bytes) => {
    total[0] = (total[0] ?? 0) + bytes;
    writeSync(fd, total, 0, total.byteLength, 0);
  };
}

function countChunks(connection: PeerConnection, count: (bytes: number) => void): void {
  const request = connection.request.bind(connection);
  connection.request = (line, receiver) => {
    const take = receiver.onBytes?.bind(receiver);
    if (line.type === 'chunks' && take !== undefined)
      receiver.onBytes = (bytes) => {
        count(bytes.length);
        take(bytes);
      };
    return request(line, receiver);
  };
}

const peakBytes = (): number => process.resourceUsage().maxRSS * 1024;
process.stdout.write(`${JSON.stringify({ ...(await main()), peakBytes: peakBytes() })}\n`);
