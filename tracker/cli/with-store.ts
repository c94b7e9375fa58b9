import { loadTrackerConfig } from '../../common/runtime/config.js';
import type { Store } from '../store/store.js';
import { type CliProcess, type Output, outputTo } from './process.js';
import { hasStore, openStore, requireStore, type StorePlace, storePlace } from './store-location.js';

export interface StoreFlags {
  readonly data?: string;
  readonly config?: string;
  readonly store?: string;
  readonly json?: boolean;
}

/** In the audit: who acts is whoever may use this computer's store. */
export const LOCAL_ACTOR = '(this computer)';

/** Notes in the audit what a command has done. */
export async function noteInAudit(
  store: Store,
  { clock }: Pick<CliProcess, 'clock'>,
  ...done: readonly { readonly subject: string; readonly detail: string }[]
): Promise<void> {
  const at = Math.floor(clock.now());
  await store.recordAudit(done.map((row) => ({ at, kind: 'admin', user: LOCAL_ACTOR, ...row })));
}

type Work = (opened: { readonly store: Store; readonly output: Output }) => Promise<void>;

/** Runs `work` with the store that the flags name, beside a tracker that may run on it. @throws {CliError} when there is none. */
export async function withStore(flags: StoreFlags, process: CliProcess, work: Work): Promise<void> {
  const place = placeOf(flags, process);
  if (place.kind === 'sqlite') requireStore(place.path);
  await run(place, { flags, process, work });
}

/** As `withStore`, for the words with which a tracker's people begin: one that is not there is made, and that is said. */
export async function withNewStore(flags: StoreFlags, process: CliProcess, work: Work): Promise<void> {
  const place = placeOf(flags, process);
  if (place.kind === 'sqlite' && !hasStore(place.path))
    process.stderr.write(`shoal: there was no store at ${place.path}; a new one is made\n`);
  await run(place, { flags, process, work });
}

function placeOf(flags: StoreFlags, process: CliProcess): StorePlace {
  return storePlace(loadTrackerConfig({ ...flags }, process.host), process.host.cwd);
}

async function run(
  place: StorePlace,
  { flags, process, work }: { flags: StoreFlags; process: CliProcess; work: Work },
): Promise<void> {
  const store = await openStore(place, { isTracker: false });
  try {
    await work({ store, output: outputTo(process, flags) });
  } finally {
    await store.close();
  }
}
