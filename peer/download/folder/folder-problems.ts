/** Why a folder could not be fetched, in the words of the peer's interface. */
import { ContentError } from '../../../common/content/content-error.js';
import { formatCount, formatSize } from '../../../common/content/format.js';
import { safeDisplay } from '../../../common/content/safe-display.js';
import { PeerError } from '../../api.js';
import type { DownloadRequest } from '../download-request.js';
import { fileProblem } from '../file-problem.js';
import type { WantedFile } from './folder-plan.js';

/** What becomes of a try when the folder has another content now. */
export class NewRevision extends Error {
  constructor(readonly latest: { readonly fileId: string; readonly size: number }) {
    super('the folder was published anew');
  }
}

export function nothingInside({ name, inside }: DownloadRequest): PeerError {
  const shown = safeDisplay(name);
  const what = inside === undefined ? `${shown} is empty.` : `${shown} holds no ${safeDisplay(inside)}.`;
  return new PeerError({ code: 'not-found', message: `${what} See what it holds with: sch TEXT` });
}

export function largerThanSaid({ name, mostBytes = 0 }: DownloadRequest, bytes: number): PeerError {
  const message = `${safeDisplay(name)} holds ${formatSize(bytes)}, more than the ${formatSize(mostBytes)} that its publisher said.`;
  return new PeerError({ code: 'too-large', message });
}

export function filesMissing({ name }: DownloadRequest, missing: readonly WantedFile[]): PeerError {
  const first = safeDisplay(missing[0]?.entry.path ?? '');
  const others = missing.length < 2 ? '' : ` and ${formatCount(missing.length - 1, 'other file')}`;
  const message =
    `${safeDisplay(name)}: nobody has ${first}${others} as published any more. ` +
    'What was fetched is kept; get it again when its publisher has published it anew.';
  return new PeerError({ code: 'changed', message });
}

/** What ended a try, as a problem to show; a bug stays what it is. */
export function folderProblem(error: unknown, { name }: DownloadRequest, path: string): unknown {
  const shown = safeDisplay(name);
  if (error instanceof ContentError) {
    const code = error.code === 'bad-name' ? 'bad-name' : 'integrity';
    const message = `${shown} cannot be fetched: ${error.message.replace(/\.$/, '')}.`;
    return new PeerError({ code, message }, { cause: error });
  }
  if (error instanceof NewRevision) {
    const message = `${shown} is published anew again and again. Get it when it rests.`;
    return new PeerError({ code: 'changed', message });
  }
  const isOfTheSystem =
    error instanceof Error && !(error instanceof PeerError) && 'code' in error && typeof error.code === 'string';
  return isOfTheSystem ? fileProblem(path, error) : error;
}
