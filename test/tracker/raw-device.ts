/** A device as docs/protocol.md "Identities" has it, made with nothing but Node. */
import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { pinOfSpki } from '../../common/wire/identity.js';

export interface RawDevice {
  readonly pin: string;
  readonly key: string;
  prove(trackerPin: string, attempt: Buffer): string;
  /** Over all parts in a row. */
  sign(...parts: readonly Uint8Array[]): Buffer;
}

export function newDevice(): RawDevice {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const spki = publicKey.export({ type: 'spki', format: 'der' });
  return {
    pin: pinOfSpki(spki),
    key: spki.toString('base64url'),
    prove: (trackerPin, attempt) => prove(privateKey, trackerPin, attempt),
    sign: (...parts) => sign('sha256', Buffer.concat(parts), { key: privateKey, dsaEncoding: 'ieee-p1363' }),
  };
}

function prove(key: KeyObject, trackerPin: string, attempt: Buffer): string {
  const text = Buffer.concat([Buffer.from('shoal/1 device'), Buffer.from(trackerPin, 'hex'), attempt]);
  return sign('sha256', text, { key, dsaEncoding: 'ieee-p1363' }).toString('base64url');
}
