/** Looks up what Tab may offer: files of the caller's folder, names that the peer knows. */
import { readdir } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import type { Peer, PublicationRow } from '../api.js';
import { canBe } from '../wording/choose-transfer.js';
import { fullName } from '../wording/selector.js';
import type { CompletionRequest } from './completion.js';
import { expandHome } from './path-text.js';

export interface CandidateSources {
  readonly peer: Peer;
  readonly cwd: string;
  readonly home?: string | undefined;
  /** The rows of the latest search. */
  readonly found: readonly PublicationRow[];
  readonly signal: AbortSignal;
}

/** More than fit any screen are of no use. */
const MAX_CANDIDATES = 2_000;

/** Candidates for the argument at the cursor; none where something cannot be read. */
export async function lookUpCandidates(
  { source, prefix }: CompletionRequest,
  from: CandidateSources,
): Promise<readonly string[]> {
  switch (source.kind) {
    case 'paths':
      return pathCandidates(prefix, from);
    case 'mine': {
      const { publications } = await from.peer.call('lpf', {}, { signal: from.signal });
      return publications.map(({ name }) => name);
    }
    case 'found':
      return from.found.map((row) => (prefix.startsWith('@') ? `@${row.owner}/${fullName(row)}` : fullName(row)));
    case 'downloads':
      return from.peer
        .state()
        .downloads.filter((row) => canBe(source.word, row))
        .map(({ name }) => name);
    default:
      return [];
  }
}

async function pathCandidates(prefix: string, { cwd, home }: CandidateSources): Promise<readonly string[]> {
  const slash = prefix.lastIndexOf('/') + 1;
  const [folder, start] = [prefix.slice(0, slash), prefix.slice(slash)];
  const expanded = expandHome(folder, home);
  const entries = await readdir(isAbsolute(expanded) ? expanded : join(cwd, expanded), { withFileTypes: true });
  return entries
    .filter(({ name }) => name.startsWith(start) && (start !== '' || !name.startsWith('.')))
    .slice(0, MAX_CANDIDATES)
    .map((entry) => `${folder}${entry.name}${entry.isDirectory() ? '/' : ''}`);
}
