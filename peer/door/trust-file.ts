import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ensurePrivateDir, writeFileDurably } from '../../common/runtime/files.js';
import { PeerError } from '../api.js';
import { parseTrackerAddress } from './tracker-address.js';

/** One tracker whose identity is pinned. */
export interface TrustedTracker {
  readonly address: string;
  readonly pin: string;
}

const PIN = /^sha256:[0-9a-f]{64}$/;

/**
 * The trackers this installation trusts: `<data>/trust.json`, one JSON object of `HOST:PORT` → pin, mode 0600, replaced durably.
 * It is read anew at every question, so that what one program trusts counts in the others. A file that cannot be understood is refused
 * (`bad-config`) and never overwritten: forgetting pins silently would let anyone be trusted anew.
 */
export class TrustFile {
  readonly path: string;

  constructor(private readonly dataDir: string) {
    this.path = join(dataDir, 'trust.json');
  }

  /** The pin of `address` (`HOST:PORT`), or `undefined` when it is not trusted yet. */
  async pinOf(address: string): Promise<string | undefined> {
    return (await this.#read()).get(address);
  }

  /** All of them, by address. */
  async list(): Promise<readonly TrustedTracker[]> {
    const entries = [...(await this.#read())].map(([address, pin]) => ({ address, pin }));
    return entries.toSorted((a, b) => (a.address < b.address ? -1 : 1));
  }

  /** Trusts `pin` at `address` from now on, in place of any other. */
  async set(address: string, pin: string): Promise<void> {
    const pins = await this.#read();
    if (pins.get(address) === pin) return;
    await this.#write(pins.set(address, pin));
  }

  /** Returns the pin that was forgotten, or `undefined` when there was none. */
  async forget(address: string): Promise<string | undefined> {
    const pins = await this.#read();
    const pin = pins.get(address);
    if (pins.delete(address)) await this.#write(pins);
    return pin;
  }

  async #read(): Promise<Map<string, string>> {
    const text = await this.#readText();
    if (text.trim() === '') return new Map();
    let content: unknown;
    try {
      content = JSON.parse(text);
    } catch (cause) {
      throw this.#broken('it is not JSON', cause);
    }
    if (typeof content !== 'object' || content === null || Array.isArray(content))
      throw this.#broken('it does not hold one JSON object');
    return new Map(Object.entries(content).map(([address, pin]) => this.#checkEntry(address, pin)));
  }

  /** A pin or an address in another spelling, as an editor may leave it, is understood; anything else is not. */
  #checkEntry(address: string, pin: unknown): [string, string] {
    const spelt = typeof pin === 'string' ? pin.trim().toLowerCase() : '';
    if (!PIN.test(spelt))
      throw this.#broken(`the entry ${JSON.stringify(address)} is no pin ("sha256:" and 64 hexadecimal digits)`);
    try {
      return [parseTrackerAddress(address).address, spelt];
    } catch (cause) {
      throw this.#broken(`${JSON.stringify(address)} is no HOST:PORT`, cause);
    }
  }

  async #readText(): Promise<string> {
    try {
      return await readFile(this.path, 'utf8');
    } catch (cause) {
      if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return '';
      throw this.#broken(cause instanceof Error ? cause.message : String(cause), cause);
    }
  }

  async #write(pins: ReadonlyMap<string, string>): Promise<void> {
    try {
      await ensurePrivateDir(this.dataDir);
      await writeFileDurably(this.path, `${JSON.stringify(Object.fromEntries(pins), undefined, 2)}\n`, 0o600);
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new PeerError(
        { code: 'unwritable', message: `Cannot write ${this.path}: ${reason}. Choose another folder with --data.` },
        { cause },
      );
    }
  }

  #broken(reason: string, cause?: unknown): PeerError {
    const message = `Cannot read the trusted trackers in ${this.path}: ${reason}. Correct the file, or remove it and trust your trackers again.`;
    return new PeerError({ code: 'bad-config', message }, { cause });
  }
}
