import type { ProtocolError } from '../../common/protocol/errors.js';
import type { AnswerReceiver } from '../file-port/peer-connection.js';
import { answerFault, SourceFault } from './source-fault.js';

export interface ManifestReceiverOptions {
  /** Bytes of the hash list. */
  readonly bytes: number;
  readonly onBytes: (bytes: number) => void;
  /** All of it has come, unproven; or why it has not. */
  readonly onEnd: (hashes: Uint8Array | SourceFault) => void;
}

/** Takes the answer to one `manifest` request. What is longer than it must be is a lie. */
export class ManifestReceiver implements AnswerReceiver {
  readonly #hashes: Buffer;
  #announced = 0;
  #filled = 0;

  constructor(private readonly options: ManifestReceiverOptions) {
    this.#hashes = Buffer.alloc(options.bytes);
  }

  onRun(offset: number, bytes: number): void {
    if (offset !== this.#announced || offset + bytes > this.#hashes.length)
      throw new SourceFault('lied', 'sent a manifest of another length');
    this.#announced += bytes;
  }

  onBytes(bytes: Buffer): void {
    bytes.copy(this.#hashes, this.#filled);
    this.#filled += bytes.length;
    this.options.onBytes(bytes.length);
  }

  onEnd(): void {
    const isWhole = this.#filled === this.#hashes.length;
    this.options.onEnd(isWhole ? this.#hashes : new SourceFault('lied', 'sent a manifest that is too short'));
  }

  onError(error: ProtocolError): void {
    this.options.onEnd(answerFault(error));
  }
}
