import { PeerError } from '../../peer/api.js';

/** The PeerError that `promise` fails with. @throws when it succeeds, or fails with something else. */
export async function problemOf(promise: Promise<unknown>): Promise<PeerError> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof PeerError) return error;
    throw error;
  }
  throw new Error('it succeeded, but it should have failed');
}
