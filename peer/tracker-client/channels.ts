/** The ways to the tracker, each opened when first needed: one TLS connection and one UDP socket. Which to use is `tracker-client.ts`'s choice. */
import type { TrackerEvent } from '../../common/protocol/event-messages.js';
import type { Clock } from '../../common/runtime/clock.js';
import type { AbortOptions } from '../../common/runtime/deadline.js';
import { TcpChannel } from './tcp-channel.js';
import { type SessionKeys, UdpChannel } from './udp-channel.js';

export interface ChannelsOptions {
  readonly host: string;
  readonly port: number;
  /** 64 hex digits. */
  readonly pin: string;
  readonly clock: Clock;
  onEvent(event: TrackerEvent): void;
  /** The TLS connection that carried the session broke. */
  onTcpClosed(): void;
  /** A hint that the tracker does not know the session. */
  onNoSession(): void;
}

export class Channels {
  readonly #options: ChannelsOptions;
  #tcp: TcpChannel | undefined;
  #opening: Promise<TcpChannel> | undefined;
  #udp: UdpChannel | undefined;
  #keys: SessionKeys | undefined;
  #trackerSpki: Buffer = Buffer.alloc(0);
  #isClosed = false;

  constructor(options: ChannelsOptions) {
    this.#options = options;
  }

  /** The open TLS connection, if there is one. */
  get openTcp(): TcpChannel | undefined {
    return this.#tcp?.isOpen === true ? this.#tcp : undefined;
  }

  /** The tracker identity's public key; empty before any channel has proven it. */
  get trackerSpki(): Buffer {
    return this.#udp?.trackerSpki ?? this.#trackerSpki;
  }

  /** A new connection, in place of the one there was; it belongs to no session yet. @throws {PinMismatchError} */
  newTcp({ signal }: AbortOptions): Promise<TcpChannel> {
    this.#opening ??= this.#connect({ signal }).finally(() => {
      this.#opening = undefined;
    });
    return this.#opening;
  }

  async udp({ signal }: AbortOptions): Promise<UdpChannel> {
    if (this.#udp !== undefined) return this.#udp;
    const { onEvent, onNoSession, host, port, pin, clock } = this.#options;
    const udp = await UdpChannel.open({ host, port, pin, clock, onEvent, onNoSession }, { signal });
    if (this.#udp !== undefined || this.#isClosed) {
      // somebody else's was ready first
      udp.close();
      return this.udp({ signal });
    }
    if (this.#keys !== undefined) udp.useSession(this.#keys);
    this.#udp = udp;
    return udp;
  }

  useSession(keys: SessionKeys): void {
    this.#keys = keys;
    this.#udp?.useSession(keys);
  }

  closeTcp(): void {
    const tcp = this.#tcp;
    this.#tcp = undefined;
    tcp?.close();
  }

  close(): void {
    this.#isClosed = true;
    this.closeTcp();
    this.#udp?.close();
  }

  async #connect({ signal }: AbortOptions): Promise<TcpChannel> {
    this.closeTcp();
    const { host, port, pin, onEvent, onTcpClosed } = this.#options;
    const channel: TcpChannel = await TcpChannel.open({
      host,
      port,
      pin,
      onEvent,
      signal,
      onClose: () => {
        if (this.#tcp === channel) onTcpClosed();
      },
    });
    this.#tcp = channel;
    this.#trackerSpki = channel.trackerSpki;
    return channel;
  }
}
