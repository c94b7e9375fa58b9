// A process that fetches one file and prints what came of it, for tests that kill it or let its system calls fail. Not a test itself.

import { loadOrCreateIdentity } from '../../common/wire/identity.js';
import { PeerError } from '../../peer/api.js';
import { directly } from '../../peer/download/connector.js';
import type { DownloadRequest } from '../../peer/download/download-request.js';
import type { SourcesOfPublication } from '../../peer/download/download-tracker.js';
import { Downloads } from '../../peer/download/downloads.js';
import { dialPeer } from '../../peer/file-port/dial-peer.js';

export interface ChildTask {
  readonly identity: string;
  readonly request: DownloadRequest;
  readonly sources: SourcesOfPublication;
  readonly stateDir?: string;
  readonly threadFromBytes?: number;
}

export interface ChildOutcome {
  readonly code: string;
  readonly message?: string;
  readonly receivedBytes?: number;
  readonly resumedBytes?: number;
  /** The most memory it had, bytes. */
  readonly peakBytes?: number;
}

async function main(): Promise<ChildOutcome> {
  const task = JSON.parse(process.env['DOWNLOAD_TASK'] ?? '') as ChildTask;
  const identity = await loadOrCreateIdentity(task.identity, { commonName: 'child' });
  const downloads = new Downloads({
    tracker: { sources: async () => task.sources, hold: async () => undefined },
    connector: directly(({ host, port }, pin, { signal }) => dialPeer({ host, port, pin, identity }, { signal })),
    ownPin: identity.pin,
    stateDir: task.stateDir,
    threadFromBytes: task.threadFromBytes,
    isSharing: false,
    onNotice: () => undefined,
    onUpdate: () => undefined,
  });
  try {
    const { receivedBytes, resumedBytes } = await downloads.get(task.request, { signal: new AbortController().signal });
    return { code: 'done', receivedBytes, resumedBytes };
  } catch (error) {
    return error instanceof PeerError
      ? { code: error.code, message: error.message }
      : { code: 'bug', message: String(error) };
  } finally {
    await downloads.stop();
  }
}

const peakBytes = (): number => process.resourceUsage().maxRSS * 1024;
process.stdout.write(`${JSON.stringify({ ...(await main()), peakBytes: peakBytes() })}\n`);
