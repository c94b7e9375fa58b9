import type { Peer, PeerProblem, PeerState } from '../../api.js';

/** Waits until `test` gives something for the peer's state. Rejects with `signal.reason` when aborted first. */
export async function untilState<T>(
  peer: Peer,
  test: (state: PeerState) => T | undefined,
  signal: AbortSignal,
): Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  const look = (state: PeerState): void => {
    const found = test(state);
    if (found !== undefined) resolve(found);
  };
  const onAbort = (): void => reject(signal.reason);
  const undo = peer.onState(look);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    if (signal.aborted) onAbort();
    look(peer.state());
    return await promise;
  } finally {
    undo();
    signal.removeEventListener('abort', onAbort);
  }
}

/** Waits until the peer is told to end: `undefined` after an interruption or `xit`, else why it ended by itself. */
export async function untilEnded(peer: Peer, signal: AbortSignal): Promise<PeerProblem | undefined> {
  try {
    const problem = await untilState(
      peer,
      ({ connection }) => (connection.kind === 'ended' ? connection.problem : undefined),
      signal,
    );
    return problem.code === 'interrupted' ? undefined : problem;
  } catch (error) {
    if (!signal.aborted) throw error;
    return undefined;
  }
}
