/** Accounts, depots and groups, as an administrator changes them. */
import type { AdminAction } from '../../common/protocol/admin-messages.js';
import { ProtocolError } from '../../common/protocol/errors.js';
import type { Store } from '../store/store.js';

type PeopleAction = AdminAction & { readonly do: 'user' | 'account' | 'depot' | 'group' | 'members' };

/** What is so already is done. @throws {ProtocolError} `unknown-name`, `name-taken`. */
export async function changePeople(store: Store, action: PeopleAction, { at }: { readonly at: number }): Promise<void> {
  const isKnown = await change(store, action, at);
  if (!isKnown) throw new ProtocolError('unknown-name');
}

/** False: there is no such user or group. */
async function change(store: Store, action: PeopleAction, at: number): Promise<boolean> {
  switch (action.do) {
    case 'user':
      return (await store.changeAccount(action.user, { kind: action.change }, at)) !== undefined;
    case 'account':
      return setPassword(store, action, at);
    case 'depot':
      return store.appointDepot(action.user, action.appointed, at);
    case 'group':
      if (action.change === 'remove') return store.removeGroup(action.group, at);
      if (await store.addGroup(action.group)) return true;
      throw new ProtocolError('name-taken', `there is a group ${action.group} already.`);
    default: {
      const outcome = await store.changeMembers(action.group, { kind: action.change, users: action.users, at });
      return outcome !== undefined && outcome.unknown.length === 0;
    }
  }
}

async function setPassword(
  store: Store,
  { user, isNew, passwordHash }: PeopleAction & { readonly do: 'account' },
  at: number,
): Promise<boolean> {
  const known = await store.findAccount(user);
  // The same request again: its reply was lost. Sessions that began meanwhile go on.
  if (known?.passwordHash === passwordHash) return true;
  if (!isNew) return (await store.changeAccount(user, { kind: 'password', passwordHash }, at)) !== undefined;
  if (await store.createAccount({ user, passwordHash, at })) return true;
  throw new ProtocolError('name-taken', `there is a user ${user} already.`);
}
