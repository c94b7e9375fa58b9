import { PeerError } from '../api.js';

/** The name is held by another path of mine. */
export function nameTaken(name: string, path: string): PeerError {
  const message = `${name} is the name of another publication of yours (${path}). Choose another with --as NAME, or take it over with --replace.`;
  return new PeerError({ code: 'name-taken', message });
}
