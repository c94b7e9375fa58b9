/** The listing of a folder, fetched like a file into the staging folder, and proven by the folder's id. */
import { ContentError } from '../../../common/content/content-error.js';
import { parseFileId } from '../../../common/content/file-id.js';
import { type Manifest, parseFolderManifest } from '../../../common/content/manifest.js';
import type { AbortOptions } from '../../../common/runtime/deadline.js';
import type { RateMeter } from '../../file-port/rate-meter.js';
import { ChunkIntake } from '../chunk-intake.js';
import { PartFile } from '../part-file.js';
import { SourceFault } from '../source-fault.js';
import type { SourceSession } from '../source-session.js';
import { lookAt, type Target } from '../target.js';
import type { OpenSessions } from './open-sessions.js';

export interface ListingOptions extends AbortOptions {
  readonly folderId: string;
  /** Bytes of the listing. */
  readonly size: number;
  readonly target: Target;
  readonly sessions: OpenSessions;
  readonly meter: RateMeter;
  readonly ownPin: string;
  readonly onCredit: (session: SourceSession, bytes: number) => void;
}

/** Resolves when the listing lies at `target.path`, with its hashes when they came with it. @throws {PeerError} */
export async function fetchListing(options: ListingOptions): Promise<Manifest | undefined> {
  const { target, size, sessions, meter, ownPin, onCredit, signal } = options;
  // It was proven before it got that name, in a folder that is ours alone.
  if ((await lookAt(target.path))?.size === BigInt(size)) return undefined;
  await using part = await PartFile.open(target);
  const manifest = await fetchManifest(options);
  const held = await part.check(manifest, { signal, onProgress: () => undefined });
  const finished = Promise.withResolvers<void>();
  finished.promise.catch(() => undefined); // It may come when nobody waits any more.
  const intake = new ChunkIntake({
    ...{ part, manifest, held, meter, ownPin, onCredit },
    sessions: () => [...sessions],
    onWritten: () => {
      if (intake.isComplete) finished.resolve();
    },
    onFailed: finished.reject,
  });
  const onAbort = (): void => finished.reject(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  sessions.use(intake);
  try {
    signal.throwIfAborted();
    if (!intake.isComplete) await finished.promise;
  } finally {
    signal.removeEventListener('abort', onAbort);
    sessions.use(undefined);
    await intake.settle();
  }
  await part.publish({ force: true, size });
  return manifest;
}

async function fetchManifest({ folderId, size, sessions, signal }: ListingOptions): Promise<Manifest> {
  for (;;) {
    const session = await sessions.any({ signal });
    try {
      return parseFolderManifest(await session.fetchManifest(), parseFileId(folderId), size);
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof ContentError)
        session.fail(new SourceFault('lied', 'sent a manifest that does not belong to the folder'));
      else if (error instanceof SourceFault) session.fail(error);
      else throw error;
    }
  }
}
