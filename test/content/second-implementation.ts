/** Manifests and ids a second time, from docs/protocol.md alone: nothing here comes from `common/`. */
import { createBLAKE3 } from 'hash-wasm';

const wasm = await createBLAKE3();

export function hashOf(...parts: readonly Uint8Array[]): Buffer {
  wasm.init();
  for (const part of parts) wasm.update(part);
  return Buffer.from(wasm.digest('binary'));
}

export function secondChunkSize(size: number): number {
  return [18, 19, 20, 21, 22, 23, 24, 25, 26].map((bits) => 2 ** bits).find((bytes) => size <= bytes * 65_536) ?? NaN;
}

export function secondHashes(content: Buffer): Buffer {
  const step = secondChunkSize(content.length);
  const hashes: Buffer[] = [];
  for (let start = 0; start < content.length; start += step) {
    hashes.push(hashOf(content.subarray(start, start + step)));
  }
  return Buffer.concat(hashes);
}

/** What the id hashes before the chunk hashes. */
export function secondHead(prefix: string, size: number): Buffer {
  const hex = BigInt(size).toString(16).padStart(16, '0') + secondChunkSize(size).toString(16).padStart(8, '0');
  return Buffer.concat([Buffer.from(prefix), Buffer.from(hex, 'hex')]);
}

export function secondId(prefix: string, size: number, hashes: Uint8Array): string {
  return hashOf(secondHead(prefix, size), hashes).toString('hex');
}
