import { expect } from 'chai';
import type { AuditRow, PolicyChange, Store } from '../../tracker/store/store.js';
import { addUsers, deviceOf, entry, fileIdOf, NOW, publish } from './store-samples.js';

const DAY_MS = 86_400_000;

const row = (detail: string, more: Partial<AuditRow> = {}): AuditRow => ({
  at: NOW,
  kind: 'admin',
  user: 'root',
  detail,
  ...more,
});

/** What every store promises of bans, limits, admin rights and the audit. */
export function describeOperations(name: string, open: () => Promise<{ store: Store; close(): Promise<void> }>): void {
  describe(`${name}: bans, limits and audit`, () => {
    let opened: Awaited<ReturnType<typeof open>>;
    let store: Store;
    beforeEach(async () => {
      opened = await open();
      ({ store } = opened);
      await addUsers(store, 'alice', 'Bob');
    });
    afterEach(() => opened.close());

    const decide = (change: PolicyChange) => store.changePolicy(change, row(change.do));

    it('gives the policy only when something was decided since, with names as their accounts spell them', async () => {
      const before = (await store.policy(-1))!;
      await store.addGroup('Team');
      await store.changeMembers('team', { kind: 'join', users: ['bob'], at: NOW });
      expect(await decide({ do: 'ban', kind: 'user', subject: 'BOB', reason: 'x', until: NOW + 1 })).to.equal(true);
      expect(await decide({ do: 'limit', kind: 'group', subject: 'TEAM', limit: 'publications', value: 3 })).to.equal(
        true,
      );

      const after = (await store.policy(before.revision))!;

      expect(after.bans).to.deep.equal([{ kind: 'user', subject: 'Bob', reason: 'x', until: NOW + 1, at: NOW }]);
      expect(after.limits).to.deep.equal([{ kind: 'group', subject: 'Team', name: 'publications', value: 3 }]);
      expect(after.members).to.deep.equal({ team: ['bob'] });
      expect(await store.policy(after.revision)).to.equal(undefined);
      await store.changeMembers('team', { kind: 'leave', users: ['bob'], at: NOW });
      expect((await store.policy(after.revision))?.members).to.deep.equal({ team: [] });
    });

    it('ends tickets of who is shut out also where they are newer than that, or given by a node that has not heard of it', async () => {
      const { results } = await publish(store, { user: 'alice' }, entry('file'));
      const publicationId = results[0]!.publicationId!;
      const give = (at: number) =>
        store.recordTicket({
          publicationId,
          user: 'Bob',
          device: deviceOf('Bob'),
          fileId: fileIdOf('file'),
          size: 4,
          at,
        });
      const revokedAt = async (): Promise<number> => (await store.revocations(0, 100)).revocations.at(-1)?.at ?? 0;
      const shutOut = {
        disabled: () => store.changeAccount('bob', { kind: 'disable' }, NOW),
        banned: () => decide({ do: 'ban', kind: 'user', subject: 'bob' }),
        'of a banned group': () => decide({ do: 'ban', kind: 'group', subject: 'out' }),
      };
      const letIn = async (): Promise<void> => {
        await store.changeAccount('bob', { kind: 'enable' }, NOW);
        await decide({ do: 'unban', kind: 'user', subject: 'bob' });
        await decide({ do: 'unban', kind: 'group', subject: 'out' });
      };
      await store.addGroup('out');
      await store.changeMembers('out', { kind: 'join', users: ['bob'], at: NOW });
      let at = NOW;

      for (const [what, act] of Object.entries(shutOut)) {
        await give((at += 1_000));
        await act();
        expect(await revokedAt(), `${what}, by a clock that is behind`).to.equal(at);
        await give((at += 1_000));
        expect(await revokedAt(), `${what}, not heard of`).to.equal(at);
        await letIn();
        await give(at + 500);
        expect(await revokedAt(), `${what}, and let in again`).to.equal(at);
      }
    });

    it('ends the tickets of who joins a group that is banned, as those of its members', async () => {
      const subjects = async (): Promise<string[]> =>
        (await store.revocations(0, 10)).revocations.map(({ subject }) => subject);
      await store.addGroup('out');
      await store.addGroup('past');
      await decide({ do: 'ban', kind: 'group', subject: 'out' });
      await decide({ do: 'ban', kind: 'group', subject: 'past', until: NOW - 1 });

      await store.changeMembers('past', { kind: 'join', users: ['bob'], at: NOW });
      expect(await subjects()).to.deep.equal([]);
      await store.changeMembers('OUT', { kind: 'join', users: ['BOB'], at: NOW });

      expect(await subjects()).to.deep.equal(['Bob']);
      await store.changeMembers('out', { kind: 'join', users: ['bob'], at: NOW });
      expect(await subjects(), 'a member already').to.deep.equal(['Bob']);
    });

    it('takes the same decision twice, its opposite, and none about who does not exist', async () => {
      for (const change of [
        { do: 'ban', kind: 'network', subject: '10.0.0.0/8' },
        { do: 'ban', kind: 'network', subject: '10.0.0.0/8' },
        { do: 'unban', kind: 'network', subject: '10.0.0.0/8' },
        { do: 'unban', kind: 'user', subject: 'nobody' },
        { do: 'limit', kind: 'user', subject: 'alice', limit: 'publishRate' },
      ] as const)
        expect(await decide(change), JSON.stringify(change)).to.equal(true);
      for (const change of [
        { do: 'ban', kind: 'user', subject: 'nobody' },
        { do: 'limit', kind: 'group', subject: 'nogroup', limit: 'publications', value: 1 },
        { do: 'grant', user: 'nobody', admin: true },
      ] as const)
        expect(await decide(change), JSON.stringify(change)).to.equal(false);

      expect((await store.policy(-1))?.bans).to.deep.equal([]);
      expect(await store.listAudit({ limit: 10 })).to.have.length(5);
    });

    it('revokes the tickets of who is banned, by name or by group', async () => {
      await store.addGroup('team');
      await store.changeMembers('team', { kind: 'join', users: ['alice', 'bob'], at: NOW });

      await decide({ do: 'ban', kind: 'group', subject: 'team' });

      const { revocations } = await store.revocations(0, 10);
      expect(revocations.map(({ kind, subject }) => `${kind} ${subject}`).toSorted()).to.deep.equal([
        'user Bob',
        'user alice',
      ]);
    });

    it('forgets admin rights with the account: nobody inherits them', async () => {
      await decide({ do: 'grant', user: 'bob', admin: true });
      expect((await store.findAccount('bob'))?.isAdmin).to.equal(true);

      await store.changeAccount('bob', { kind: 'remove' }, NOW);
      await store.createAccount({ user: 'bob', passwordHash: 'other', at: NOW });

      expect((await store.findAccount('bob'))?.isAdmin).to.equal(false);
    });

    it('adds up what is relayed for a user on a day, however the name is written, until the day is over', async () => {
      const first = await store.addRelayed(
        [
          { user: 'alice', bytes: 5 },
          { user: 'Bob', bytes: 2 ** 40 },
        ],
        NOW,
      );
      const more = await store.addRelayed([{ user: 'BOB', bytes: 1 }], NOW);
      await store.addRelayed([{ user: 'alice', bytes: 7 }], NOW + DAY_MS);
      const byUser = async (at: number) => (await store.relayed(at)).toSorted((a, b) => a.bytes - b.bytes);

      expect([first, more]).to.deep.equal([[5, 2 ** 40], [2 ** 40 + 1]]);
      expect(await byUser(NOW)).to.deep.equal([
        { user: 'alice', bytes: 5 },
        { user: 'bob', bytes: 2 ** 40 + 1 },
      ]);
      await store.prune(NOW + DAY_MS);
      expect([await byUser(NOW), await byUser(NOW + DAY_MS)]).to.deep.equal([[], [{ user: 'alice', bytes: 7 }]]);
    });

    it('lists the audit newest first, narrowed, page by page, and forgets what is old', async () => {
      const rows = Array.from({ length: 1_200 }, (_, index) =>
        row(`${index}`, {
          at: NOW + index,
          kind: index % 2 === 0 ? 'login' : 'ticket',
          user: index % 3 === 0 ? 'alice' : 'Bob',
        }),
      );
      await store.recordAudit(rows);
      const details = (found: readonly AuditRow[]): string[] => found.map(({ detail }) => detail ?? '');

      const first = await store.listAudit({ limit: 2 });
      const second = await store.listAudit({ limit: 2, before: first.at(-1)!.id });
      expect(details([...first, ...second])).to.deep.equal(['1199', '1198', '1197', '1196']);
      const narrowed = { kind: 'login', user: 'bob', since: NOW + 2, until: NOW + 10, limit: 10 } as const;
      expect(details(await store.listAudit(narrowed))).to.deep.equal(['8', '4', '2']);
      await store.pruneAudit(NOW + 1_199);
      expect(details(await store.listAudit({ limit: 10 }))).to.deep.equal(['1199']);
    });
  });
}
