/** Keeps what two devices signed about a download. See docs/protocol.md "receipt". */
import { createHash } from 'node:crypto';
import { toBase64url } from '../../common/protocol/base64url.js';
import { ProtocolError } from '../../common/protocol/errors.js';
import type { KeptReceipt, Receipt } from '../../common/protocol/receipt-fields.js';
import { compressedKey } from '../../common/wire/identity.js';
import { type JudgedReceipt, judgeReceipt } from '../../common/wire/receipt.js';
import type { Session } from '../registry/session.js';
import type { Services } from '../services.js';
import type { Handler } from './call.js';

/** A receipt may wait so long at a peer, ms, while the tracker cannot be reached. */
const MAX_AGE_MS = 86_400_000;

export const receipt: Handler<'receipt'> = async (services, { request, session }) => {
  const { ticket, bytes, outcome, at, device, source } = request;
  const kept: Receipt = { ticket, bytes, outcome, at, ...(device && { device }), source };
  await services.receipts.once(keyOf(kept), async () => {
    services.receipts.charge(session.user);
    await note(services, session, kept);
  });
  return {};
};

/**
 * Of what was signed, and by whom, but not of the signatures. Attacker: an end that signs the same once more, which looks different each
 * time, so that one download stands in the audit as many.
 */
function keyOf({ ticket, bytes, outcome, at, device, source }: Receipt): string {
  const signers = [device !== undefined, 'pin' in source ? source.pin : source.key];
  return createHash('sha256')
    .update(JSON.stringify([ticket, bytes, outcome, at, ...signers]))
    .digest('base64url');
}

async function note(services: Services, session: Session, kept: Receipt): Promise<void> {
  const { store, identity, clock } = services;
  const judged = judgeReceipt(kept, identity.spki);
  const isFetcher = judged.isSignedByDevice && session.device === judged.ticket.device;
  const isSource = judged.isSignedBySource && session.device === judged.source;
  if (!isFetcher && !isSource) throw new ProtocolError('not-allowed');
  const now = Math.floor(clock.now());
  if (Math.abs(now - kept.at) > MAX_AGE_MS) throw new ProtocolError('bad-message', 'The receipt is too old.');
  const { publicationId, user, device } = judged.ticket;
  const proof: KeptReceipt = { ...kept, tracker: toBase64url(compressedKey(identity.spki)) };
  const address = isFetcher ? session.observed.host : undefined;
  const detail = await describe(services, session, { kept, judged });
  const row = { at: now, kind: 'receipt' as const, user, device, address, subject: publicationId, detail };
  await store.recordAudit([{ ...row, proof: JSON.stringify(proof) }]);
}

interface Told {
  readonly kept: Receipt;
  readonly judged: JudgedReceipt;
}

const OUTCOMES: Readonly<Record<Receipt['outcome'], string>> = {
  verified: 'verified',
  wrong: 'some of them not what was published',
  sent: 'sent',
};

/** In words. Names are those of now; what is signed is in the proof. */
async function describe({ store, registry }: Services, session: Session, { kept, judged }: Told): Promise<string> {
  const { ticket, source, isSignedByDevice, isSignedBySource } = judged;
  const row = await store.findPublication(ticket.publicationId, session.user);
  const what = row === undefined ? '' : ` of @${row.owner}/${row.name}`;
  const holders = row === undefined ? [] : registry.sourcesOf(row).map((holder) => holder.session);
  const known = [session, ...holders].find(({ device }) => device === source)?.user;
  const from = known ?? `device ${source.slice(0, 16)}`;
  const signers = isSignedByDevice && isSignedBySource ? 'both' : `${isSignedByDevice ? ticket.user : from} alone`;
  return `${kept.bytes} of ${ticket.size} bytes${what} from ${from}, ${OUTCOMES[kept.outcome]}, signed by ${signers}`;
}
