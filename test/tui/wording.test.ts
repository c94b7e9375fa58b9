import { expect } from 'chai';
import fc from 'fast-check';
import { cellWidth } from '../../common/content/safe-display.js';
import { ERROR_CODES } from '../../common/protocol/errors.js';
import {
  PeerError,
  type PeerErrorCode,
  type PublicationRow,
  type PublishOutcome,
  type TransferRow,
} from '../../peer/api.js';
import { problemOf as trackerProblemOf } from '../../peer/tracker-client/problems.js';
import { linkMade, linkOnScreen } from '../../peer/wording/links.js';
import { type Listing, listingText, wrapWords } from '../../peer/wording/listing.js';
import { getDetails, outcomesSummary, publishOutcome } from '../../peer/wording/outcomes.js';
import { listUsers } from '../../peer/wording/people.js';
import { problemLayout, problemOf, problemText } from '../../peer/wording/problem.js';
import { listPublications, published } from '../../peer/wording/publications.js';
import { rowText } from '../../peer/wording/row.js';
import { transferRow } from '../../peer/wording/transfers.js';
import { publication } from './fake-peer.js';

const NOW = 1_900_000_000_000;
const AT_80 = { width: 80, now: NOW };
const found = (rows: readonly PublicationRow[], width = 80): string =>
  listingText(listPublications(rows, { width, columns: 'found', now: NOW }));

function rows(listing: Listing): string[] {
  return Array.from({ length: listing.length }, (_, index) => rowText(listing.at(index)));
}

const QUEUED = { user: 'bob', address: '', state: 'queued', verifiedBytes: 0, bytesPerSecond: 0 } as const;

describe('wording of lists', () => {
  it('shows 16 digits of an id at 40 columns, however long the rest is', () => {
    const row = publication({ owner: 'a-rather-long-user-name', name: 'report.pdf', sources: 0, lastSeenAt: 0 });

    expect(found([row], 40)).to.match(/ a1b2c3d4e5f60718$/m);
    expect(Math.max(...found([row], 40).split('\n').map(cellWidth))).to.be.at.most(40);
  });

  it('says that there is nothing', () => {
    expect(found([])).to.equal('No files found\n');
    expect(listingText(listPublications([], { width: 80, columns: 'mine', now: NOW }))).to.equal(
      'No files published\n',
    );
    expect(listingText(listUsers({ users: [] }, AT_80))).to.equal('No active users\n');
  });

  it('says that there are more than it shows, and how to see them', () => {
    const shown = (more: object): string =>
      listingText(published({ publications: [publication()], ...more }, { user: undefined, now: NOW })(80));

    expect(shown({ more: true })).to.match(/^1 file published:\n[\s\S]*There are more\. list shows them page by page/);
    expect(shown({})).not.to.contain('more');
    expect(
      listingText(listUsers({ users: [{ user: 'bob', publications: 1, since: NOW }], more: true }, AT_80)),
    ).to.match(/^1 active user, and there are more:\n/);
  });

  it('counts one and many', () => {
    expect(found([publication()])).to.match(/^1 file found:\n/);
    expect(found([publication(), publication()])).to.match(/^2 files found:\n/);
    expect(listingText(listPublications([publication()], { width: 80, columns: 'mine', now: NOW }))).to.match(
      /^1 file published:\n/,
    );
  });

  it('shows name, size, owner, sources and 16 digits of the id, aligned', () => {
    const text = found([
      publication({ name: 'a.bin', sizeBytes: 1_024 }),
      publication({ name: 'longer-name.bin', owner: 'bartholomew' }),
    ]);

    expect(text.split('\n').slice(1, 4)).to.deep.equal([
      '  NAME                SIZE  OWNER        SOURCES  ID',
      '  a.bin            1.0 KiB  alice              2  a1b2c3d4e5f60718',
      '  longer-name.bin  1.2 MiB  bartholomew        2  a1b2c3d4e5f60718',
    ]);
  });

  it('says when an offline source was last seen', () => {
    expect(found([publication({ sources: 0, lastSeenAt: NOW - 7_300_000 })])).to.contain('seen 2h ago');
  });

  it('never passes the width, whatever the names', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary' }),
        fc.string(),
        fc.integer({ min: 1, max: 120 }),
        (name, owner, width) => {
          const listing = listPublications([publication({ name, owner }), publication()], {
            width,
            columns: 'found',
            now: NOW,
          });
          for (const row of rows(listing).slice(1)) {
            expect(cellWidth(row)).to.be.at.most(Math.max(3, width));
            expect(row).to.not.match(/[\p{Cc}\u202a-\u202e]/u);
          }
        },
      ),
    );
  });

  it('lays out only the rows that are asked for', () => {
    const listing = listPublications(
      Array.from({ length: 10_000 }, () => publication()),
      { width: 80, columns: 'found', now: NOW },
    );
    const before = process.cpuUsage();

    for (let index = 0; index < 1_000; index += 1) listing.at(9_000 + (index % 20));

    expect(process.cpuUsage(before).user, 'microseconds of the processor').to.be.below(500_000);
  });
});

describe('wording of a link', () => {
  const url = `https://127.0.0.1:1/files/${'a'.repeat(64)}?token=${'b'.repeat(300)}`;
  const link = { linkId: 'L', fileId: 'f', name: 'my report.pdf', createdAt: 0, notAfter: NOW, uses: 0, sentBytes: 0 };
  const made = { ...link, url, curl: `curl '${url}'`, wget: `wget '${url}'` };

  it('keeps what is to be copied in one line, however narrow the terminal', () =>
    expect(rows(linkMade(made)(40))).to.include.members([made.url, made.curl, made.wget]));

  it('names on a screen, which wraps it, the command that prints it whole', () => {
    const text = listingText(linkOnScreen(made, { user: 'alice', tracker: 'host:1' })(78));

    expect(text.replaceAll('\n', '')).to.contain(url);
    expect(text).to.contain("link 'my report.pdf' --user alice --tracker host:1");
  });
});

describe('wording of a finished download', () => {
  const MIB = 1024 * 1024;
  const row: TransferRow = {
    ...{ transferId: 't', name: 'a.bin', owner: 'bob', fileId: '00', sizeBytes: 64 * MIB, doneBytes: 64 * MIB },
    ...{ receivedBytes: MIB, resumedBytes: 0, bytesPerSecond: 0, state: 'done', path: '/d/a.bin' },
    sources: [{ ...QUEUED, verifiedBytes: MIB }],
  };

  it('says what came from whom, what was here already, and where it is', () => {
    expect(getDetails({ path: row.path, transfer: row })).to.equal('64.0 MiB from bob, saved as /d/a.bin');
    expect(getDetails({ path: row.path, transfer: { ...row, resumedBytes: 63 * MIB } })).to.equal(
      '64.0 MiB from bob (63.0 MiB were here already), saved as /d/a.bin',
    );
  });
});

describe('wording of several outcomes', () => {
  const outcome = (change: 'new' | 'unchanged' | 'replaced'): PublishOutcome => {
    return { ok: true, path: '/a', publication: publication(), change };
  };
  const failed: PublishOutcome = { ok: false, path: '/b', problem: { code: 'unreadable', message: '' } };
  for (const [outcomes, text] of [
    [[outcome('new'), outcome('replaced')], '2 files published'],
    [[outcome('unchanged'), outcome('unchanged')], '2 files published already'],
    [[outcome('new'), outcome('unchanged'), failed], '1 file published, 1 file published already, 1 file failed'],
    [[failed, failed], '0 files published, 2 files failed'],
  ] as const) {
    it(`counts apart what was there already: ${text}`, () =>
      expect(outcomesSummary(outcomes, 'published')).to.equal(text));
  }
});

describe('wording of failures', () => {
  const CODES: readonly (readonly [PeerErrorCode, string])[] = [
    ['not-found', 'File not found. Nothing is called x.'],
    ['tracker-unreachable', 'Tracker not responding. Nothing is called x.'],
    ['usage', 'nothing is called x.'],
  ];
  for (const [code, text] of CODES) {
    it(`begins ${code} in the same way always`, () =>
      expect(problemText({ code, message: 'nothing is called x.' })).to.equal(text));
  }

  it('does not speak of a file where it is about something else', () => {
    const message = 'No download is under way.';

    expect(problemText({ code: 'not-found', message })).to.equal(message);
  });

  it('does not say a thing twice', () => {
    expect(problemText({ code: 'not-found', message: 'File not found: x' })).to.equal('File not found: x');
  });

  for (const code of ERROR_CODES) {
    it(`says nothing twice of ${code} from the tracker`, () => {
      const [first = '', ...rest] = problemText(trackerProblemOf({ code, message: '' }))
        .toLowerCase()
        .split(/[.:] /);
      const words = first.match(/[a-z]{4,}/g) ?? [];

      expect(rest.filter((sentence) => words.every((word) => sentence.includes(word)))).to.deep.equal([]);
    });
  }

  it('leaves a name at the beginning as it is written', () => {
    const message = 'photos is not available: nobody who has it is online. What was fetched is kept.';

    expect(problemText({ code: 'no-source', message })).to.equal(`No source reachable. ${message}`);
  });

  it('does not call a user who does not exist a file', () => {
    expect(problemText(trackerProblemOf({ code: 'unknown-name', message: '' }))).to.match(
      /^There is no user or group /,
    );
  });

  it('lists the choices of an ambiguous name as they can be typed', () => {
    const choices = [
      publication({ owner: 'bob' }),
      publication({ owner: 'carol', name: 'my report.pdf' }),
      publication({ owner: 'eve', name: 'a\u202eb' }),
    ];
    const text = listingText(problemLayout({ code: 'ambiguous', message: '', choices }, NOW)(100));

    expect(text).to.match(/^Ambiguous: .*3 files/);
    expect(text)
      .to.contain('@bob/report.pdf')
      .and.contain("'@carol/my report.pdf'")
      .and.contain('id:a1b2c3d4e5f60718')
      .and.not.contain('\u202e');
  });

  it('escapes what others chose', () => {
    expect(problemText({ code: 'not-found', message: 'no \x1b[2J here' })).to.equal(
      'File not found. No <U+001B>[2J here',
    );
    expect(rowText(publishOutcome({ ok: false, path: 'a\x07', problem: { code: 'bad-name', message: '' } }))).to.equal(
      'a<U+0007>: Name not allowed',
    );
  });

  it('knows peer errors, aborts and bugs apart', () => {
    expect(problemOf(new PeerError({ code: 'exists', message: 'x' })).code).to.equal('exists');
    expect(problemOf(new DOMException('stop', 'AbortError')).code).to.equal('interrupted');
    expect(problemOf(new TypeError('x')).code).to.equal('internal');
  });

  it('says what to do about a disk in trouble', () => {
    const failed = (field: object): string => problemText(problemOf(Object.assign(new Error('it failed'), field)));

    expect(failed({ code: 'ENOSPC' })).to.match(/^Not enough free space\. .* Free some space, or .* --data/);
    expect(failed({ code: 'ERR_SQLITE_ERROR', errcode: 13 })).to.match(/^Not enough free space\. /);
    expect(failed({ code: 'ERR_SQLITE_ERROR', errcode: 4_874 })).to.match(/^Cannot read or write .* full or failing/);
  });
});

describe('publishOutcome', () => {
  it('says on which terms, also where the content is unchanged', () => {
    const terms = { locked: true, downloads: { most: 3, burn: false, left: 3 } };
    const outcome = { ok: true, path: '/a', publication: publication(terms), change: 'unchanged' } as const;

    expect(rowText(publishOutcome(outcome))).to.match(/unchanged .* {2}has a passcode, may be fetched 3 times$/);
  });
});

describe('transferRow', () => {
  const transfer = (change: Partial<TransferRow> = {}): TransferRow => ({
    transferId: 't1',
    name: 'report.pdf',
    owner: 'bob',
    fileId: 'a1',
    sizeBytes: 1_000_000,
    doneBytes: 420_000,
    receivedBytes: 420_000,
    resumedBytes: 0,
    bytesPerSecond: 1_048_576,
    etaMs: 65_000,
    state: 'fetching',
    path: '/d/report.pdf',
    sources: [{ user: 'bob', address: 'h:1', state: 'sending', verifiedBytes: 1, bytesPerSecond: 1 }],
    ...change,
  });
  const text = (change?: Partial<TransferRow>, width = 80): string =>
    rowText(transferRow(transfer(change), width, 60_000));

  it('shows name, bar, percent, speed, time left and sources', () => {
    expect(text()).to.match(/report\.pdf +\[█+░+\] {2,}42% {2,}1\.0 MiB\/s {2,}1m 05s left {2}1 source$/);
  });

  it('says when all that comes is relayed', () => {
    const [direct] = transfer().sources as [TransferRow['sources'][number]];
    const relayed = { ...direct, via: 'relayed' as const };

    expect(text({ sources: [relayed, relayed] })).to.match(/left {2}2 relayed$/);
    expect(text({ sources: [relayed, direct] })).to.match(/left {2}2 sources$/);
  });

  it('keeps name, bar, percent and speed in 40 columns', () => {
    expect(text({}, 40)).to.match(/\[█+░+\] {2,}42% {2,}1\.0 MiB\/s$/);
  });

  it('says what it waits for, and what went wrong', () => {
    expect(text({ state: 'waiting', sources: [] })).to.contain('waiting for a source');
    const checking = { user: 'alice', address: '', state: 'checking', verifiedBytes: 0, bytesPerSecond: 0 } as const;
    expect(text({ state: 'waiting', sources: [checking] })).to.contain('its source reads it again');
    expect(
      text({
        sources: [
          { ...QUEUED, queuePosition: 3, queueEtaMs: 90_000 },
          { ...QUEUED, queuePosition: 7, queueEtaMs: 12_000 },
        ],
      }),
    ).to.contain('place 7 in the queue  about 12s');
    expect(text({ state: 'waiting', problem: { code: 'disk-full', message: '' }, retryAt: 101_000 }, 120)).to.match(
      /Not enough free space {2}again in 41s$/,
    );
    expect(text({ state: 'paused', priority: 'high' })).to.match(/paused {2}high priority$/);
    expect(text({ state: 'failed', problem: { code: 'disk-full', message: '' } })).to.contain('Not enough free space');
  });

  it('fits every width', () => {
    for (let width = 20; width < 140; width += 1)
      expect(cellWidth(text({}, width)), `${width} columns`).to.be.at.most(width);
  });
});

describe('wrapWords', () => {
  it('loses nothing and passes no line', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.integer({ min: 2, max: 40 }), (text, width) => {
        const lines = wrapWords(text, width);
        for (const line of lines) expect(cellWidth(line)).to.be.at.most(width);
        expect(lines.join('').replaceAll(' ', '')).to.equal(text.replaceAll(' ', ''));
      }),
    );
  });
});
