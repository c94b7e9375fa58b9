// The real command line on a peer without a tracker: what a selector or a user is called decides what happens.
import { access, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { type Peer, PeerError, type PeerErrorCode } from '../../peer/api.js';
import type { CliParts } from '../../peer/cli/context.js';
import type { StartPeerOptions } from '../../peer/door/start-peer.js';
import { main } from '../../peer/main.js';
import { FAKE_PIN, FakePeer, publication, transfer } from '../daemon/fake-peer.js';

const SIZE = 4_194_304;

/** The tracker is there when this file is, where a test names one. */
async function requireTracker(): Promise<void> {
  const path = process.env['FAKE_TRACKER'];
  if (path === undefined) return;
  try {
    await access(path);
  } catch (cause) {
    throw new PeerError({ code: 'tracker-unreachable', message: 'Tracker not responding: 127.0.0.1:7465.' }, { cause });
  }
}

async function startPeer(options: StartPeerOptions): Promise<Peer> {
  for (;;) {
    try {
      await requireTracker();
      break;
    } catch (error) {
      if (!options.wait || !(error instanceof PeerError)) throw error;
      options.onWaiting(error.problem);
      await pause(20, undefined, { signal: options.signal });
    }
  }
  await logIn(options);
  return fakePeer(options);
}

async function logIn({ stateDir, password, resumeSaved, serving, keepSession, user }: StartPeerOptions): Promise<void> {
  const saved = join(stateDir, 'session.json');
  const hasSaved = await access(saved).then(
    () => true,
    () => false,
  );
  if (resumeSaved && hasSaved) return;
  if (password === undefined) throw new PeerError({ code: 'not-logged-in', message: `Not logged in as ${user}.` });
  if (password !== 'secret') throw new PeerError({ code: 'login-failed', message: 'User name or password is wrong.' });
  await mkdir(stateDir, { recursive: true });
  if (serving || keepSession) await writeFile(saved, '{}');
}

function fakePeer({ user, serving, tracker, settings }: StartPeerOptions): FakePeer {
  const { host = '127.0.0.1', port = 0 } = settings;
  const fake = new FakePeer({
    user,
    tracker: { address: `${tracker.host}:${tracker.port}`, pin: tracker.pin },
    ...(serving ? { filePort: { host, port: port || 40_404, pin: FAKE_PIN } } : {}),
  });
  Object.assign(fake.handlers, {
    whoami: async () => ({ user, tracker: `${tracker.host}:${tracker.port}`, devicePin: FAKE_PIN }),
    status: async () => fake.state(),
    logout: async () => ({}),
    lpf: async () => ({ publications: user === 'nobody' ? [] : [publication('a.txt'), publication('b.txt')] }),
    lap: async () => ({ users: [{ user: 'bob', publications: 2, since: 0 }] }),
  } satisfies FakePeer['handlers']);
  Object.assign(fake.handlers, searching, publishing, fetching, linking);
  const problem = { code: 'not-logged-in', message: 'The session was ended by an administrator.' } as const;
  if (user === 'doomed') setTimeout(() => fake.change({ connection: { kind: 'ended', problem } }), 50);
  return fake;
}

const searching: FakePeer['handlers'] = {
  sch: async (input) => {
    if (input.text === 'evil')
      return { publications: [publication('x\x1b]0;pwned\x07\u202e\u009b1m')], partial: false };
    return { publications: [publication(JSON.stringify(input))], partial: false, cursor: 'next' };
  },
  sources: async ({ selector }) => ({
    publication: publication(selector),
    sources: [{ user: 'bob', devicePin: FAKE_PIN, has: 'all', addresses: ['192.0.2.1:1'] }],
  }),
};

const publishing: FakePeer['handlers'] = {
  pub: async ({ paths, as }, { onProgress }) => {
    const outcomes = paths.map((path) => {
      onProgress?.({ event: 'hashing', path, doneBytes: 1, sizeBytes: 2 });
      if (!path.endsWith('missing'))
        return { ok: true, path, publication: publication(as ?? path), change: 'new' } as const;
      return { ok: false, path, problem: { code: 'not-found', message: `File not found: ${path}` } } as const;
    });
    return { outcomes };
  },
  rights: async ({ selectors, terms }) => ({
    outcomes: selectors.map((selector) => ({
      ok: true,
      selector,
      name: selector,
      terms: { locked: terms?.passcode === 'sesame' },
    })),
  }),
  unp: async ({ selectors }) => ({
    outcomes: selectors.map((selector) => ({ ok: true, selector, publication: publication(selector) })),
  }),
};

const fetching: FakePeer['handlers'] = {
  get: async ({ selector, directory = '', as, passcode }, { signal, onProgress }) => {
    if (selector === 'locked' && passcode !== 'sesame') {
      const code = passcode === undefined ? 'passcode-needed' : 'wrong-passcode';
      throw new PeerError({ code, message: 'It is locked.' });
    }
    if (selector.startsWith('code-'))
      throw new PeerError({ code: selector.slice(5) as PeerErrorCode, message: `It failed with ${selector}` });
    if (selector === 'ambiguous') {
      throw new PeerError({
        code: 'ambiguous',
        message: 'several',
        choices: [publication('one'), publication('one', { owner: 'eve' })],
      });
    }
    const path = join(directory, as ?? selector);
    for (let step = 1; step <= 8 || selector === 'endless'; step += 1) {
      const doneBytes = Math.min(SIZE - 1, (step * SIZE) / 8);
      onProgress?.({
        event: 'transfer',
        transfer: transfer(selector, { path, doneBytes, sizeBytes: SIZE, bytesPerSecond: 1_000_000 }),
      });
      await pause(selector === 'quick' ? 0 : 20, undefined, { signal });
    }
    await writeFile(path, 'content');
    return { path, transfer: transfer(selector, { path, doneBytes: SIZE, sizeBytes: SIZE, state: 'done' }) };
  },
  cancel: async ({ transfer: transferId = 't1' }) => ({
    transfer: transfer('stopped.bin', { transferId, state: 'stopped' }),
  }),
};

const link = { linkId: 'L1', fileId: 'ab'.repeat(32), name: 'a.txt', createdAt: 0, uses: 0, sentBytes: 0 };

const linking: FakePeer['handlers'] = {
  link: async ({ expiresInMs = 0 }) => {
    const made = { ...link, notAfter: expiresInMs };
    return { link: { ...made, url: 'https://u', curl: 'curl u', wget: 'wget u' } };
  },
  links: async () => ({ links: [{ ...link, notAfter: 0 }] }),
  unlink: async ({ linkId }) => ({ link: { ...link, notAfter: 0, linkId } }),
};

const FAKE_PARTS: CliParts = {
  startPeer,
  contactTracker: async () => {
    await requireTracker();
    return { pin: process.env['FAKE_PIN'] ?? FAKE_PIN };
  },
  identifyFile: async (path) => ({ fileId: 'cd'.repeat(32), sizeBytes: path.length }),
  runInterface: async ({ downloads = 'the usual folder', user = 'anybody', tracker }) => {
    process.stdout.write(`interface for ${user} at ${tracker} into ${downloads}\n`);
    return 0;
  },
};

process.exitCode = await main(process.argv.slice(2), FAKE_PARTS);
