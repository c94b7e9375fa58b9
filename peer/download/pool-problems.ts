import { safeDisplay } from '../../common/content/safe-display.js';
import { ProtocolError } from '../../common/protocol/errors.js';
import { PeerError, type PeerErrorCode, type PeerProblem } from '../api.js';
import type { DownloadRequest } from './download-request.js';
import type { SourceEntry } from './source-entry.js';
import { isWithoutContent } from './source-fault.js';

/** Why a download without hope failed, with everybody named who is to blame. */
export function hopelessProblem(
  request: DownloadRequest,
  entries: readonly SourceEntry[],
  { isOutdated }: { isOutdated: boolean },
): PeerProblem {
  const name = safeDisplay(request.name);
  const kinds = entries.map(({ fault }) => fault?.kind);
  if (isOutdated) {
    return {
      code: 'changed',
      message: `${name} was changed by its publisher, and nobody has the old content any more. Search again and get the new one.`,
    };
  }
  const holders = entries.filter(({ claimsAll }) => claimsAll);
  const isPublisherThere = holders.some(({ user }) => user === request.owner);
  if (isPublisherThere && holders.every(({ fault }) => fault !== undefined && isWithoutContent(fault))) {
    return {
      code: 'changed',
      message: `${name} is not there any more as it was published: ${blame(holders)}. Get it again when they have published it anew.`,
    };
  }
  if (kinds.includes('lied')) {
    const liars = blame(entries.filter(({ fault }) => fault?.kind === 'lied'));
    return {
      code: 'integrity',
      message: `${name} could not be fetched: ${liars}. Nothing wrong was kept. Tell them, or try again when others have it.`,
    };
  }
  if (entries.length === 0) {
    return {
      code: 'no-source',
      message: `${name} is not available: nobody who has it is online. What was fetched is kept.`,
    };
  }
  return {
    code: 'no-source',
    message: `${name} is not available: ${blame(entries)}. What was fetched is kept.`,
  };
}

function blame(entries: readonly SourceEntry[]): string {
  return entries
    .map(({ user, fault }) => `${safeDisplay(user)} ${fault?.message ?? 'has nothing that is missing here'}`)
    .join(', ');
}

/** A refusal of the tracker in the words of the interface. */
export function trackerProblem(request: DownloadRequest, error: unknown): unknown {
  if (!(error instanceof ProtocolError)) return error;
  const name = safeDisplay(request.name);
  const [code, text] = TRACKER[error.code] ?? [
    'protocol',
    `could not be fetched: the tracker answered "${error.code}". Try again.`,
  ];
  return new PeerError({ code, message: `${name} ${text}` }, { cause: error });
}

const TRACKER: Partial<Record<ProtocolError['code'], [PeerErrorCode, string]>> = {
  'not-found': ['not-found', 'is not shared any more, or not with you. Search again.'],
  'not-allowed': ['not-allowed', 'may not be fetched by you.'],
  'not-logged-in': ['not-logged-in', 'could not be fetched: log in first.'],
  'session-ended': ['not-logged-in', 'could not be fetched: the session was ended. Log in again.'],
};
