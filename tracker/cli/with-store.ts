import { loadTrackerConfig } from '../../common/runtime/config.js';
import type { Store } from '../store/store.js';
import { type CliProcess, type Output, outputTo } from './process.js';
import { openStore, storePlace } from './store-location.js';

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
  done: { readonly subject: string; readonly detail: string },
): Promise<void> {
  await store.recordAudit([{ at: Math.floor(clock.now()), kind: 'admin', user: LOCAL_ACTOR, ...done }]);
}

/** Runs `work` with the store that the flags name, beside a tracker that may run on it. */
export async function withStore(
  flags: StoreFlags,
  process: CliProcess,
  work: (opened: { readonly store: Store; readonly output: Output }) => Promise<void>,
): Promise<void> {
  const config = loadTrackerConfig({ ...flags }, process.host);
  const store = await openStore(storePlace(config, process.host.cwd), { isTracker: false });
  try {
    await work({ store, output: outputTo(process, flags) });
  } finally {
    await store.close();
  }
}
