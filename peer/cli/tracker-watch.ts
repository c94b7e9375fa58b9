import { type Peer, type PeerDoor, PeerError, type PeerState } from '../api.js';

/** `door`, but `onAway` is called each time the tracker turns out not to answer: whoever can, starts it again. */
export function watchTracker(door: PeerDoor, onAway: () => void): PeerDoor {
  return {
    trust: (tracker, pin) => door.trust(tracker, pin),
    contact: async (tracker, options) => {
      try {
        return await door.contact(tracker, options);
      } catch (error) {
        if (error instanceof PeerError && error.code === 'tracker-unreachable') onAway();
        throw error;
      }
    },
    open: async (options) => {
      const onWaiting: typeof options.onWaiting = (problem) => {
        onAway();
        options.onWaiting?.(problem);
      };
      return watched(await door.open({ ...options, onWaiting }), onAway);
    },
  };
}

function watched(peer: Peer, onAway: () => void): Peer {
  let wasAway = false;
  const undo = peer.onState(({ connection }: PeerState) => {
    const isAway = connection.kind === 'waiting';
    if (isAway && !wasAway) onAway();
    wasAway = isAway;
  });
  return {
    attached: peer.attached,
    state: () => peer.state(),
    onState: (listener) => peer.onState(listener),
    call: (name, input, options) => peer.call(name, input, options),
    close: () => {
      undo();
      return peer.close();
    },
  };
}
