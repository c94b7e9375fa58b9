/**
 * Places where a test can kill this process, to prove that a download survives a crash there. Without `SHOAL_TEST_FAULTS=1` nothing
 * here does anything. `FAULT_AT=label` or `FAULT_AT=label:n` kills at the first or nth passing.
 */
import { kill } from 'node:process';

import { currentHost } from '../../common/runtime/host.js';

/** Every step of a download after which a crash leaves another state behind. */
export type FaultLabel =
  | 'part-opened'
  | 'chunk-verified'
  | 'chunk-written'
  | 'before-fsync'
  | 'after-fsync'
  | 'after-placeholder'
  | 'after-link'
  | 'after-unlink'
  | 'after-dir-fsync'
  | 'files-arrived'
  | 'files-written'
  | 'folder-before-rename'
  | 'folder-after-rename'
  | 'folder-file-placed';

const { env, pid } = currentHost();
const [label, passings = '1'] = env['SHOAL_TEST_FAULTS'] === '1' ? (env['FAULT_AT'] ?? '').split(':') : [];
let left = Number(passings);

export function faultPoint(here: FaultLabel): void {
  if (here !== label) return;
  left -= 1;
  if (left === 0) kill(pid, 'SIGKILL');
}
