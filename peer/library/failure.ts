import { ContentError } from '../../common/content/content-error.js';
import { PeerError, type PeerProblem } from '../api.js';
import { contentProblem } from './content-problem.js';

/** The problem behind what a step of publishing threw; a bug is thrown on. */
export function problemOfFailure(error: unknown): PeerProblem {
  if (error instanceof PeerError) return error.problem;
  if (error instanceof ContentError) return contentProblem(error);
  throw error;
}

/** Nobody waits for a refresh: whatever fails in it, a full disk of ours included, is told and ends nothing. */
export function reasonOf(error: unknown): string {
  if (error instanceof PeerError || error instanceof ContentError) return problemOfFailure(error).message;
  return `${error instanceof Error ? error.message : String(error)}.`;
}
