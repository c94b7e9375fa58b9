import { expect } from 'chai';
import fc from 'fast-check';
import { VirtualClock } from '../../common/runtime/clock.js';
import type { PeerProblem, PeerState, TransferRow } from '../../peer/api.js';
import { mainGeometry } from '../../peer/tui/geometry.js';
import { loginFrame } from '../../peer/tui/login-frame.js';
import { MainModel } from '../../peer/tui/main-model.js';
import { activityRows, headerRow, hintRow, messageRows, resultRows } from '../../peer/tui/main-rows.js';
import { folderListing, folderText } from '../../peer/wording/folder.js';
import { listingText } from '../../peer/wording/listing.js';
import { getDetails, getOutcome, publishOutcome, unlistedText, unpublishOutcome } from '../../peer/wording/outcomes.js';
import { listSources, listUsers } from '../../peer/wording/people.js';
import { problemLayout } from '../../peer/wording/problem.js';
import { listPublications, published } from '../../peer/wording/publications.js';
import { type Row, rowText } from '../../peer/wording/row.js';
import { listSearches, searchEnded, searchSaved } from '../../peer/wording/searches.js';
import { statusLayout } from '../../peer/wording/status.js';
import { FakePeer, publication } from './fake-peer.js';

/** What drives a terminal or fools a reader: controls, formats, bidi, unpaired surrogates. */
const DANGEROUS = /[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/u;
const ESCAPES = [
  '\x1b[2J',
  '\x1b]52;c;aGk=\x07',
  '\x9b31m',
  '\x90q\x9c',
  '\u202e',
  '\u2066',
  '\u200b',
  '\r',
  '\n',
  '\x7f',
  '\ud800',
];
const hostileText = fc
  .array(fc.oneof(fc.constantFrom(...ESCAPES), fc.string({ unit: 'binary', maxLength: 8 })), { maxLength: 6 })
  .map((pieces) => pieces.join(''));

const SIZE = { columns: 80, rows: 40 };

function transferOf(text: string, problem: PeerProblem): TransferRow {
  const source = { user: text, address: text, state: 'dropped', verifiedBytes: 1, bytesPerSecond: 0, problem } as const;
  return {
    ...{
      transferId: text,
      name: text,
      owner: text,
      fileId: text,
      path: text,
      state: 'failed',
      problem,
      sources: [source],
    },
    ...{ sizeBytes: 10, doneBytes: 5, receivedBytes: 5, resumedBytes: 0, bytesPerSecond: 1 },
  };
}

function stateOf(text: string, problem: PeerProblem): Partial<PeerState> {
  return {
    user: text,
    tracker: { address: text, pin: text },
    connection: { kind: 'ended', problem },
    downloads: [transferOf(text, problem), { ...transferOf(text, problem), transferId: 'other', state: 'waiting' }],
    uploads: [{ name: text, user: text, sentBytes: 1, bytesPerSecond: 1 }],
    hashing: [{ path: text, doneBytes: 1, sizeBytes: 2 }],
    storing: [{ name: text, doneBytes: 1, sizeBytes: 2 }],
    notices: [{ noticeId: 1, at: 0, level: 'info', text }],
  };
}

function mainScreenRows(text: string, problem: PeerProblem): Row[] {
  const peer = new FakePeer({}, { user: text, tracker: text });
  const quiet = { onChange: () => undefined, onQuit: () => undefined };
  const model = new MainModel({ peer, clock: new VirtualClock(), cwd: '/', downloads: '/', size: SIZE, ...quiet });
  peer.change(stateOf(text, problem));
  model.press({ kind: 'text', text });
  const state = { ...model.state(), choices: [text] };
  const geometry = mainGeometry(state, SIZE);
  model.stop();
  return [
    headerRow(state, SIZE.columns),
    ...activityRows(state, geometry),
    ...resultRows(state, geometry),
    ...messageRows(state, geometry),
    hintRow(state, SIZE.columns),
  ];
}

function outcomes(text: string, problem: PeerProblem): string {
  const row = publication({ name: text, owner: text, fileId: text });
  const options = { width: 80, now: 0 };
  const saved = { searchId: text, text, owner: text, endings: [text], into: text, createdAt: 0, matches: 1 };
  const entry = { name: text, sizeBytes: 1, modifiedAt: 0, isFolder: false };
  const peer = new FakePeer({}, { user: text, tracker: text });
  peer.change(stateOf(text, problem));
  const lines = [
    publishOutcome({ ok: false, path: text, problem }),
    publishOutcome({ ok: true, path: text, publication: row, change: 'replaced' }),
    unpublishOutcome({ ok: false, selector: text, problem }),
  ].map(rowText);
  const listings = [
    listPublications([row], { ...options, columns: 'found' }),
    listPublications([row], { ...options, width: 30, columns: 'mine' }),
    listUsers({ users: [{ user: text, publications: 1, since: 0 }] }, options),
    listSources(row, [{ user: text, devicePin: text, has: 'all', addresses: [text] }], options),
    problemLayout({ ...problem, choices: [row] }, 0)(80),
    statusLayout(peer.state(), 0)(80),
    listSearches([saved], 0)(80),
    folderListing({ directory: text, entries: [entry, { ...entry, isFolder: true }] }, 0)(80),
    published({ publications: [] }, { user: text, now: 0 })(80),
  ].map((listing) => listingText(listing).replaceAll('\n', ''));
  const transfer = transferOf(text, problem);
  const left = unlistedText({ transfer: { ...transfer, unlisted: { count: 2, paths: [text] } } }) ?? '';
  const sentences = [getOutcome({ transfer }), getDetails({ path: text, transfer }), left, searchSaved(saved, true)];
  return [...lines, ...listings, ...sentences, searchEnded(saved), folderText(text)].join('');
}

describe('text that others chose', () => {
  it('reaches no outcome and no part of the main screen unescaped', () => {
    fc.assert(
      fc.property(hostileText, (text) => {
        const problem = { code: 'ambiguous', message: text } as const;

        expect(outcomes(text, problem)).to.not.match(DANGEROUS);
        for (const row of mainScreenRows(text, problem)) expect(rowText(row)).to.not.match(DANGEROUS);
      }),
    );
  });

  it('reaches no part of the login screen unescaped', () => {
    fc.assert(
      fc.property(hostileText, (text) => {
        const editor = { text, cursor: text.length };
        const fields = { tracker: editor, user: editor, password: editor };
        const contact = { address: text, pin: text, trust: 'changed', pinnedBefore: text } as const;
        const phases = [
          { kind: 'editing' },
          { kind: 'refused', contact },
          { kind: 'trusting', contact, answer: editor },
        ] as const;

        for (const phase of phases) {
          const { rows } = loginFrame({ fields, focus: 'user', phase }, SIZE);
          for (const row of rows) expect(rowText(row)).to.not.match(DANGEROUS);
        }
      }),
    );
  });
});
