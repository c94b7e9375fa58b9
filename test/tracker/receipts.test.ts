/** E13: who fetched what from whom, signed by both. What is signed is built here by docs/protocol.md "Receipts" alone. */

import { writeFile } from 'node:fs/promises';
import { expect } from 'chai';
import { VirtualClock } from '../../common/runtime/clock.js';
import type { Store } from '../../tracker/store/store.js';
import { StoreError } from '../../tracker/store/store-error.js';
import { runCli } from '../support/program.js';
import type { RawTcp } from './raw-client.js';
import { newDevice, type RawDevice } from './raw-device.js';
import { publishOf, type RawReply, type RawRequest, request, userOf } from './raw-messages.js';
import { type RawTerms, receiptOf } from './raw-receipt.js';
import { TestTracker } from './test-tracker.js';

describe('receipts', () => {
  let clock: VirtualClock;
  let tracker: TestTracker;
  let source: RawDevice;
  let fetcher: RawDevice;
  let alice: RawTcp;
  let bob: RawTcp;
  let ticket: string;
  let publicationId: string;
  beforeEach(async () => {
    clock = new VirtualClock();
    tracker = await TestTracker.start({ clock, users: ['alice', 'bob', 'carol'] });
    [source, fetcher] = [newDevice(), newDevice()];
    alice = (await tracker.enterTcp(userOf('alice', source), { filePort: undefined })).client; // nothing is dialled
    bob = (await tracker.enterTcp(userOf('bob', fetcher))).client;
    publicationId = (await alice.ask(publishOf('plan.txt')))['results'][0].publicationId;
    ticket = (await bob.ask(request('sources', { publicationId, ticket: true })))['ticket'];
  });
  afterEach(() => tracker[Symbol.asyncDispose]());

  const terms = (more: Partial<RawTerms> = {}): RawTerms => ({
    ...{ ticket, bytes: 1_000, at: Math.floor(clock.now()) },
    ...more,
  });
  const signedByBoth = (more: Partial<RawTerms> = {}): object => receiptOf(terms(more), { device: fetcher, source });
  const asked = (receipt: object): RawRequest => request('receipt', receipt);
  const codeOf = async (client: RawTcp, receipt: object): Promise<string | undefined> =>
    (await client.ask(asked(receipt))).error?.code;
  const noted = () => tracker.store.listAudit({ kind: 'receipt', limit: 100 });

  it('stand in the audit before they are answered, once, whoever of the two hands them in', async () => {
    const receipt = signedByBoth();

    expect((await alice.ask(asked(receipt))).ok).to.equal(true);
    expect((await bob.ask(asked(receipt))).ok).to.equal(true);

    const [row, ...more] = await noted();
    expect(more).to.deep.equal([]);
    expect(row).to.include({ user: 'bob', device: fetcher.pin, subject: publicationId });
    expect(row?.detail).to.equal('1000 of 1000 bytes of @alice/plan.txt from alice, verified, signed by both');
  });

  it('are not answered while they stand nowhere: what could not be written was handed in by nobody', async () => {
    const receipt = signedByBoth();
    const { recordAudit } = tracker.store;
    const disk = Promise.withResolvers<never>();
    Object.assign(tracker.store, { recordAudit: () => disk.promise } satisfies Partial<Store>);
    const first = codeOf(alice, receipt);
    await alice.ask(request('heartbeat')); // came behind it
    const second = codeOf(bob, receipt);
    await bob.ask(request('heartbeat'));

    disk.reject(new StoreError('storage', 'the disk is full'));

    expect(await Promise.all([first, second])).to.deep.equal(['storage', 'storage']);
    Object.assign(tracker.store, { recordAudit });
    expect(await Promise.all([codeOf(alice, receipt), codeOf(bob, receipt)])).to.deep.equal([undefined, undefined]);
    expect(await noted()).to.have.length(1);
  });

  it('are the same when an end signs them once more: nobody makes more of one download', async () => {
    const byFetcher = signedByBoth() as { device: object };
    const again = { ...signedByBoth(), device: byFetcher.device };

    for (const receipt of [byFetcher, again]) expect(await codeOf(alice, receipt)).to.equal(undefined);

    expect(again).not.to.deep.equal(byFetcher);
    expect(await noted()).to.have.length(1);
  });

  it('say who signed where only one did', async () => {
    await bob.ask(asked(receiptOf(terms(), { device: fetcher, sourcePin: source.pin })));
    await bob.ask(asked(receiptOf(terms({ bytes: 7, outcome: 'wrong' }), { device: fetcher, sourcePin: source.pin })));
    await alice.ask(asked(receiptOf(terms({ outcome: 'sent' }), { source })));

    expect((await noted()).map(({ user, detail }) => `${user}: ${detail}`).toReversed()).to.deep.equal([
      'bob: 1000 of 1000 bytes of @alice/plan.txt from alice, verified, signed by bob alone',
      'bob: 7 of 1000 bytes of @alice/plan.txt from alice, some of them not what was published, signed by bob alone',
      'bob: 1000 of 1000 bytes of @alice/plan.txt from alice, sent, signed by alice alone',
    ]);
  });

  it('are refused when anything in them was changed, and nothing is noted', async () => {
    const receipt = signedByBoth() as { bytes: number; at: number; outcome: string; source: object; device: object };
    const flipped = (text: string): string => `${text.startsWith('B') ? 'C' : 'B'}${text.slice(1)}`;
    const signature = (mark: object): object => ({
      ...mark,
      signature: flipped((mark as { signature: string }).signature),
    });
    const changed = {
      bytes: { ...receipt, bytes: 1_001 },
      time: { ...receipt, at: receipt.at + 1 },
      outcome: { ...receipt, outcome: 'wrong' },
      'signature of who fetched': { ...receipt, device: signature(receipt.device) },
      'signature of the source': { ...receipt, source: signature(receipt.source) },
      'source, by another pin': { ...receipt, source: { pin: 'cd'.repeat(32) } },
      'signers, one for the other': { ...receipt, device: receipt.source },
    };

    for (const [what, each] of Object.entries(changed))
      for (const client of [alice, bob]) expect(await codeOf(client, each), what).to.equal('bad-message');

    expect(await noted()).to.deep.equal([]);
  });

  it('cannot be invented: not by a stranger, not without the signature of who hands them in, not without a ticket', async () => {
    const stranger = newDevice();
    const { client: carol } = await tracker.enterTcp(userOf('carol', stranger));
    const forged = `${ticket.slice(0, ticket.indexOf('.'))}.${'A'.repeat(86)}`;

    expect(await codeOf(carol, signedByBoth())).to.equal('not-allowed');
    expect(await codeOf(carol, receiptOf(terms({ outcome: 'sent' }), { source }))).to.equal('not-allowed');
    // Carol says of herself that she fetched with Bob's ticket, and that Bob fetched from her: only the second is hers to say.
    expect(await codeOf(carol, receiptOf(terms(), { device: stranger, source }))).to.equal('bad-message');
    expect(await codeOf(alice, receiptOf(terms(), { source }))).to.equal('bad-message');
    expect(await codeOf(bob, receiptOf(terms({ outcome: 'sent' }), { device: fetcher, source }))).to.equal(
      'bad-message',
    );
    expect(await codeOf(bob, signedByBoth({ ticket: forged }))).to.equal('bad-ticket');
    expect(await codeOf(bob, signedByBoth({ at: terms().at - 2 * 86_400_000 }))).to.equal('bad-message');

    expect(await noted()).to.deep.equal([]);
  });

  it('are limited for one user, wrong ones too, and come again later; others are not touched', async () => {
    const wrong = signedByBoth({ ticket: `${ticket.slice(0, ticket.indexOf('.'))}.${'A'.repeat(86)}` });
    const replies: RawReply[] = [];
    for (let bytes = 1; bytes <= 201; bytes += 1) replies.push(await bob.ask(asked({ ...wrong, bytes })));

    expect(new Set(replies.slice(0, 200).map(({ error }) => error?.code))).to.deep.equal(new Set(['bad-ticket']));
    const last = replies.at(-1);
    expect(last?.error?.code).to.equal('rate-limited');
    expect(await codeOf(alice, signedByBoth())).to.equal(undefined);
    clock.advance(last?.error?.retryAfterMs ?? 0);
    expect(await codeOf(bob, signedByBoth({ bytes: 1 }))).to.equal(undefined);
  });

  it('are judged without any tracker from the exported audit; what was changed in it is named', async () => {
    await alice.ask(asked(signedByBoth()));
    await alice.ask(asked(receiptOf(terms({ outcome: 'sent' }), { source })));
    const rows = (await noted()).map(({ id, kind, user, device, subject, detail, proof }) => ({
      ...{ id, kind, user, device, subject, detail, proof },
    }));
    const verify = async (some: readonly object[]) => {
      const file = tracker.dir.join('audit.json');
      await writeFile(file, `${JSON.stringify({ event: 'result', rows: some })}\n`);
      return runCli(['admin', 'verify', file], { home: tracker.dir.path });
    };

    const right = await verify(rows);
    const [first, second] = rows as [(typeof rows)[0], (typeof rows)[0]];
    const wrong = await verify([
      { ...first, user: 'carol' },
      { ...second, proof: second.proof?.replace('1000', '1001') },
      { ...first, id: 77, detail: first.detail?.replace('1000 of', '5 of') },
    ]);

    expect(right.code, right.stderr).to.equal(0);
    expect(right.stdout).to.match(/^2 receipts are right: 1 signed by both ends, 1 by one of them\./);
    expect(right.stdout).to.contain(`the tracker sha256:${tracker.identity.pin}`);
    expect(wrong.code).to.equal(6);
    expect(wrong.stderr).to.contain('3 of 3 receipts are not right');
    expect(wrong.stderr).to.contain(`receipt ${first.id}: its columns are not what was signed`);
    expect(wrong.stderr).to.contain(`receipt ${second.id}: the signature of`);
    expect(wrong.stderr).to.match(/receipt 77: it says "5 of .*", and signed are 1000 of \d+ bytes/);
  });
});
