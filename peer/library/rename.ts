/** Other names for what this device publishes. The wish is kept here until the tracker has done it, so that no crash leaves both names. */
import { checkFileName } from '../../common/content/file-name.js';
import type { AbortOptions } from '../../common/runtime/deadline.js';
import { PeerError, type RenameInput } from '../api.js';
import { peerErrorOf } from '../tracker-client/problems.js';
import type { Library, LibraryEntry } from './library.js';
import { notMine, type OwnNames, ownName } from './own-name.js';

export interface RenameParts extends OwnNames {
  readonly library: Library;
}

/** @throws {PeerError} `bad-name`, `name-taken`, `not-found`, `not-allowed`, `tracker-unreachable`: then it is done later. */
export async function renameMine(
  { selector, name }: RenameInput,
  parts: RenameParts,
  { signal }: AbortOptions,
): Promise<{ from: string; name: string }> {
  const { library } = parts;
  const bad = checkFileName(name);
  if (bad !== undefined)
    throw new PeerError({ code: 'bad-name', message: `${bad.message} Choose another name; nothing was changed.` });
  const from = await ownName(selector, parts, { signal });
  if (from === name) return { from, name };
  const entry = library.byName(from);
  if (entry === undefined || entry.state === 'withdrawing') throw await notHere(from, selector, parts, { signal });
  if (library.byName(name) !== undefined || library.byWishedName(name) !== undefined) throw nameTaken(name);
  library.wishName(from, name);
  const problem = await settleName({ ...entry, wishedName: name }, parts, { signal });
  if (problem !== undefined) throw problem;
  return { from, name };
}

/** Tells the tracker the name that is wished for an entry. Returns why it was refused; the wish is gone then. */
export async function settleName(
  { name, wishedName, publicationId }: LibraryEntry,
  { library, tracker }: Pick<RenameParts, 'library' | 'tracker'>,
  { signal }: AbortOptions,
): Promise<PeerError | undefined> {
  if (wishedName === undefined) return undefined;
  if (publicationId !== '') {
    const entries = [{ publicationId, name: wishedName }];
    const reply = await tracker.request('rename', { entries }, { signal });
    library.revision = reply.libraryRevision;
    const result = reply.results[0];
    // What the tracker does not know is published under the new name.
    if (result?.ok !== true && result?.error.code !== 'not-found') {
      library.wishName(name, null);
      return result?.error.code === 'name-taken'
        ? nameTaken(wishedName)
        : peerErrorOf(result?.error ?? { code: 'internal', message: '' });
    }
  }
  library.rename(name, wishedName);
  return undefined;
}

async function notHere(
  name: string,
  selector: string,
  { tracker, user }: OwnNames,
  { signal }: AbortOptions,
): Promise<PeerError> {
  const found = await tracker.request(
    'search',
    { text: name, exact: true, owner: user, mine: true, all: true },
    { signal },
  );
  if (found.publications.length === 0) return notMine(selector);
  const message = `${name} is published from another device of yours. Rename it there.`;
  return new PeerError({ code: 'not-allowed', message });
}

function nameTaken(name: string): PeerError {
  const message = `${name} is the name of another publication of yours. Choose another; nothing was changed.`;
  return new PeerError({ code: 'name-taken', message });
}
