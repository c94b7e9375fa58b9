/** What is wrong with a local file, as a problem that an interface shows. */
import type { ContentError, ContentErrorCode } from '../../common/content/content-error.js';
import type { PeerErrorCode, PeerProblem } from '../api.js';

const CODE_OF: Record<ContentErrorCode, PeerErrorCode> = {
  'bad-id': 'usage',
  'bad-listing': 'integrity',
  'bad-manifest': 'integrity',
  'bad-name': 'bad-name',
  'bad-size': 'integrity',
  'changed-while-hashing': 'changed',
  'chunk-mismatch': 'integrity',
  'is-directory': 'is-directory',
  'not-a-file': 'not-a-file',
  'not-found': 'not-found',
  symlink: 'not-a-file',
  'too-large': 'too-large',
  unreadable: 'unreadable',
};

export function contentProblem(error: ContentError): PeerProblem {
  return { code: CODE_OF[error.code], message: error.message };
}
