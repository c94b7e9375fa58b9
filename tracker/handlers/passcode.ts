import type { Session } from '../registry/session.js';
import type { Services } from '../services.js';
import type { PublicationRow } from '../store/store.js';

/** A request that brought a passcode for a publication. */
export interface PasscodeTry {
  readonly session: Session;
  readonly request: { readonly id: string; readonly passcode?: string | undefined };
  readonly row: Pick<PublicationRow, 'publicationId' | 'passcodeHash'>;
}

/**
 * The hash that the request's passcode was found to have: undefined when it brought none, or none is asked for. The one place where a
 * passcode is judged. @throws {ProtocolError} `wrong-passcode`, `rate-limited`, `busy`.
 */
export async function provenPasscode(
  { passcodes }: Services,
  { session, request, row: { publicationId, passcodeHash } }: PasscodeTry,
): Promise<string | undefined> {
  const { passcode } = request;
  if (passcode === undefined || passcodeHash === undefined) return undefined;
  const requestKey = `${session.name} ${request.id} ${publicationId}`;
  await passcodes.check({ user: session.user, passcode, passcodeHash, requestKey });
  return passcodeHash;
}
