import { nearestWord } from '../../common/runtime/nearest-word.js';
import type { PeerProblem } from '../api.js';

/** Words of the peer, as they are typed after `shoal`. */
export const PEER_WORDS = [
  'lap',
  'lpf',
  'pub',
  'unp',
  'rights',
  'rename',
  'put',
  'del',
  'at-risk',
  'sch',
  'get',
  'xit',
  'list',
  'save',
  'searches',
  'unsave',
  'ls',
  'dir',
  'sources',
  'link',
  'links',
  'unlink',
  'id',
  'status',
  'cancel',
  'pause',
  'resume',
  'retry',
  'priority',
  'limit',
  'whoami',
  'login',
  'logout',
  'trust',
  'serve',
] as const;

/** Words that other programs of the same command answer. */
const OTHER_WORDS = ['tracker', 'user', 'group', 'admin', 'help'] as const;

/** Words of later versions: they are known, so that nobody looks for a typing mistake. */
export const LATER_WORDS = ['doctor'] as const;

/** What to say to a word that is none. */
export function unknownWord(word: string): PeerProblem {
  if ((LATER_WORDS as readonly string[]).includes(word))
    return { code: 'not-yet', message: `The command ${word} comes with a later one.` };
  const near = nearestWord(word, [...PEER_WORDS, ...OTHER_WORDS, ...LATER_WORDS]);
  const hint = near === undefined ? 'See shoal --help.' : `Did you mean ${near}? See shoal --help.`;
  return { code: 'usage', message: `There is no command ${JSON.stringify(word)}. ${hint}` };
}
