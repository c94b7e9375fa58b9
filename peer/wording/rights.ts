/** Who may fetch a publication, as people read and write it. */
import { safeDisplay } from '../../common/content/safe-display.js';
import { PeerError, type PublicationRow, type Rights } from '../api.js';

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

/** The options of `pub` and `rights` that say for whom. */
export interface RightsWish {
  readonly isPublic: boolean;
  /** `bob,carol`. */
  readonly users: string | undefined;
  readonly groups: string | undefined;
}

/** What the options mean; undefined when none was given. @throws {PeerError} `usage`. */
export function rightsOf({ isPublic, users, groups }: RightsWish): Rights | undefined {
  if (users === undefined && groups === undefined) return isPublic ? 'public' : undefined;
  if (isPublic) throw usage('--public is for everybody: leave out --for and --for-group.');
  return { users: namesIn(users, '--for'), groups: namesIn(groups, '--for-group') };
}

function namesIn(text: string | undefined, flag: string): string[] {
  if (text === undefined) return [];
  const names = text.split(',').map((name) => name.trim());
  const wrong = names.find((name) => !NAME.test(name));
  if (wrong === undefined) return names;
  throw usage(`${flag} takes names with commas between them, such as ${flag} bob,carol.`);
}

function usage(message: string): PeerError {
  return new PeerError({ code: 'usage', message });
}

/** `public`, `bob, carol, @team`, or `limited` where we are not told for whom. */
export function rightsText(rights: PublicationRow['rights']): string {
  if (typeof rights === 'string') return rights;
  const names = [...rights.users, ...rights.groups.map((group) => `@${group}`)];
  return names.length === 0 ? 'only you' : names.map((name) => safeDisplay(name)).join(', ');
}
