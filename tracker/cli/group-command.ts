/** `shoal group …`: manages groups in the store, also while a tracker runs on it. */

import { checkUserName } from '../../common/content/file-name.js';
import { ownCommand } from '../../common/runtime/own-command.js';
import { CliError, type CliProcess, EXIT } from './process.js';
import { noteInAudit, type StoreFlags, withStore } from './with-store.js';

export function addGroup(group: string, flags: StoreFlags, process: CliProcess): Promise<void> {
  return withStore(flags, process, async ({ store, output }) => {
    if (checkUserName(group) !== undefined)
      throw new CliError('a group has a name like a user: letters, digits, ".", "_" and "-", at most 64.', {
        code: 'bad-name',
        exitCode: EXIT.failed,
      });
    if (!(await store.addGroup(group)))
      throw new CliError(`there is a group ${group} already. See its members with: ${ownCommand('group list')}`, {
        code: 'in-use',
        exitCode: EXIT.failed,
      });
    await noteInAudit(store, process, { subject: group, detail: 'group add' });
    output.say({ event: 'result', group, change: 'added' }, `group ${group} added`);
  });
}

export function removeGroup(group: string, flags: StoreFlags, process: CliProcess): Promise<void> {
  return withStore(flags, process, async ({ store, output }) => {
    if (!(await store.removeGroup(group, Math.floor(process.clock.now())))) throw unknownGroup(group);
    await noteInAudit(store, process, { subject: group, detail: 'group remove' });
    output.say(
      { event: 'result', group, change: 'removed' },
      `group ${group} removed; what was shared with it is not any more`,
    );
  });
}

export function listGroups(flags: StoreFlags, process: CliProcess): Promise<void> {
  return withStore(flags, process, async ({ store, output }) => {
    const groups = await store.listGroups();
    const lines = groups.map(
      ({ group, members }) => `${group}: ${members.length === 0 ? 'nobody' : members.join(', ')}`,
    );
    output.say(
      { event: 'result', groups },
      lines.length === 0 ? `No groups. Add one: ${ownCommand('group add NAME')}` : lines.join('\n'),
    );
  });
}

export function changeMembers(
  kind: 'join' | 'leave',
  { group, users }: { readonly group: string; readonly users: readonly string[] },
  { flags, process }: { readonly flags: StoreFlags; readonly process: CliProcess },
): Promise<void> {
  return withStore(flags, process, async ({ store, output }) => {
    const outcome = await store.changeMembers(group, { kind, users, at: Math.floor(process.clock.now()) });
    if (outcome === undefined) throw unknownGroup(group);
    if (outcome.unknown.length > 0)
      throw new CliError(
        `there is no user ${outcome.unknown.join(', ')}, so nothing was changed. See who there is with: ${ownCommand('user list')}`,
        { code: 'not-found', exitCode: EXIT.notFound },
      );
    const verb = kind === 'join' ? 'joined' : 'left';
    await noteInAudit(store, process, { subject: group, detail: `group ${kind} ${users.join(',')}`.slice(0, 900) });
    output.say({ event: 'result', group, users, change: kind }, `${users.join(', ')} ${verb} ${group}`);
  });
}

function unknownGroup(group: string): CliError {
  return new CliError(`there is no group ${group}. See what there is with: ${ownCommand('group list')}`, {
    code: 'not-found',
    exitCode: EXIT.notFound,
  });
}
