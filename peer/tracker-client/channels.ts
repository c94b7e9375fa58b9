/** The ways to the tracker, each opened when first needed: one TLS connection and one UDP socket. Which to use is `tracker-client.ts`'s choice. */
import type { TrackerEvent } from '../../common/protocol/event-messages.js';
import type { Clock } from '../../common/runtime/clock.js';
import type { AbortOptions } from '../../common/runtime/deadline.js';
import { ChannelClosed } from './channel-closed.js';
import { TcpChannel } from './tcp-channel.js';
import type { NodeAddress } from './tracker-nodes.js';
import { type SessionKeys, UdpChannel } from './udp-channel.js';
import { UdpSilence } from './udp-silence.js';

export interface ChannelsOptions {
  readonly node: NodeAddress;
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
  #node: NodeAddress;
  /** Ends the opening of a connection to a node that was left. */
  #moved = new AbortController();

  constructor(options: ChannelsOptions) {
    this.#options = options;
    this.#node = options.node;
  }

  /** From now on everything goes to this node; what waits for an answer of the one before is told that none will come. */
  moveTo(node: NodeAddress): void {
    if (node.host === this.#node.host && node.port === this.#node.port) return;
    this.#node = node;
    this.#moved.abort(new ChannelClosed());
    this.#moved = new AbortController();
    this.#opening = undefined;
    this.closeTcp();
    this.#udp?.close();
    this.#udp = undefined;
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
    if (this.#opening !== undefined) return this.#opening;
    const opening = this.#connect({ signal }).finally(() => {
      if (this.#opening === opening) this.#opening = undefined;
    });
    this.#opening = opening;
    return opening;
  }

  async udp({ signal }: AbortOptions): Promise<UdpChannel> {
    if (this.#udp !== undefined) return this.#udp;
    const { onEvent, onNoSession, pin, clock } = this.#options;
    const node = this.#node;
    const udp = await UdpChannel.open({ ...node, pin, clock, onEvent, onNoSession }, { signal });
    if (this.#udp !== undefined || this.#isClosed || node !== this.#node) {
      // somebody else's was ready first, or it leads to a node that was left meanwhile
      udp.close();
      if (this.#isClosed) throw new UdpSilence();
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
    const { pin, onEvent, onTcpClosed } = this.#options;
    const node = this.#node;
    const channel: TcpChannel = await TcpChannel.open({
      ...node,
      pin,
      onEvent,
      signal: AbortSignal.any([signal, this.#moved.signal]),
      onClose: () => {
        if (this.#tcp === channel) onTcpClosed();
      },
    });
    if (node !== this.#node) {
      channel.close();
      throw new ChannelClosed();
    }
    this.#tcp = channel;
    this.#trackerSpki = channel.trackerSpki;
    return channel;
  }
}
