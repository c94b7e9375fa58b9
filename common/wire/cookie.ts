/**
 * What a sender must bring back before a datagram may cost the tracker anything. Attacker: someone who writes another's address on
 * datagrams; without seeing what is sent there, a cookie costs 2^128 guesses. Nothing is kept per sender.
 */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { COOKIE_LIFE_MS } from '../protocol/limits.js';
import type { Clock } from '../runtime/clock.js';

export const COOKIE_BYTES = 24;
const PERIOD_BYTES = 8;
const MAC_BYTES = COOKIE_BYTES - PERIOD_BYTES;

/** Makes and checks cookies under a key of its own, so those of an earlier start are refused. Form: period u64 ‖ MAC (16). */
export class Cookies {
  readonly #key = randomBytes(32);
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  make(address: string, port: number): Buffer {
    return this.#cookie(this.#period(), address, port);
  }

  /** Whether `cookie` was made here for this address and port, at most two periods of COOKIE_LIFE_MS ago. */
  check(cookie: Uint8Array, address: string, port: number): boolean {
    if (cookie.length !== COOKIE_BYTES) return false;
    const made = Buffer.from(cookie.buffer, cookie.byteOffset, PERIOD_BYTES).readBigUInt64BE();
    const age = BigInt(this.#period()) - made;
    return (age === 0n || age === 1n) && timingSafeEqual(cookie, this.#cookie(Number(made), address, port));
  }

  #period(): number {
    return Math.floor(this.#clock.monotonic() / COOKIE_LIFE_MS);
  }

  #cookie(period: number, address: string, port: number): Buffer {
    const cookie = Buffer.allocUnsafe(COOKIE_BYTES);
    cookie.writeBigUInt64BE(BigInt(period));
    const mac = createHmac('sha256', this.#key)
      .update(cookie.subarray(0, PERIOD_BYTES))
      .update(`${port} ${address}`)
      .digest();
    mac.copy(cookie, PERIOD_BYTES, 0, MAC_BYTES);
    return cookie;
  }
}
