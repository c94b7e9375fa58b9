/** A depot inside another program's process: `shoal tracker --depot DIR` starts it through `bin/shoal.js`, since the two never import each other. */
import { systemClock } from '../common/runtime/clock.js';
import { currentHost } from '../common/runtime/host.js';
import type { Notice } from './api.js';
import { createDoor } from './door/door.js';
import { startPeer } from './peer.js';
import { contactTracker } from './tracker-client/contact.js';

export interface EmbeddedDepotOptions {
  /** Everything it keeps. */
  readonly dir: string;
  /** Bytes. */
  readonly capacity: number;
  readonly tracker: { readonly host: string; readonly port: number; readonly pin: string };
  readonly user: string;
  readonly password: string;
  /** Where it serves. */
  readonly listenHost: string;
  readonly signal: AbortSignal;
  readonly onNotice: (text: string) => void;
}

/** Resolves when the depot is logged in and serves. @throws {PeerError} */
export async function startDepot(options: EmbeddedDepotOptions): Promise<{ stop(): Promise<void> }> {
  const { dir, capacity, tracker, user, password, listenHost, signal, onNotice } = options;
  const { host, port, pin } = tracker;
  const door = createDoor({
    dataDir: dir,
    platform: currentHost().platform,
    downloads: dir,
    startPeer,
    contactTracker,
    settings: { host: listenHost, depot: capacity },
    savedSession: 'last',
    clock: systemClock,
  });
  const address = `${host.includes(':') ? `[${host}]` : host}:${port}#${pin}`;
  const peer = await door.open({ tracker: address, user, password, serving: true, signal });
  let lastId = -1;
  const tell = (notices: readonly Notice[]): void => {
    for (const { noticeId, text, level } of notices) {
      if (noticeId > lastId && level !== 'info') onNotice(text);
      lastId = Math.max(lastId, noticeId);
    }
  };
  tell(peer.state().notices);
  const undo = peer.onState(({ notices }) => tell(notices));
  return {
    async stop() {
      undo();
      await peer.close();
    },
  };
}
