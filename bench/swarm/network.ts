// A network of namespaces: one bridge, and peers whose links to it are limited both ways. It needs root, `ip` and `tc`.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

import type { Command } from '../../test/support/shoal-command.js';
import { Missing, tool } from '../support/tools.js';

const run = promisify(execFile);
/** A packet waits in a full queue for this long at most, as in a home router that was set up with care. */
const QUEUE_MS = 100;
const LEAST_BURST_BYTES = 32 * 1024;
/** Of the bridge. Without one of its own it takes the least of its ports', a new one with new ports, and who knew it hears nothing for 8 s. */
const HUB_MAC = '02:00:00:00:00:01';

export interface Link {
  /** Its address on the bridge. */
  readonly host: string;
  /** `command`, run where this link ends. */
  inside(command: Command): Command;
  /** What has left towards the bridge, headers included. */
  sentBytes(): Promise<number>;
}

export class Network implements AsyncDisposable {
  readonly #ip: string;
  readonly #tc: string;
  readonly #prefix: string;
  readonly #namespaces: string[] = [];

  private constructor(ip: string, tc: string, prefix: string) {
    this.#ip = ip;
    this.#tc = tc;
    this.#prefix = prefix;
  }

  /** @throws {Missing} without root, `ip` or `tc`, or where namespaces cannot be made. */
  static async open(): Promise<Network> {
    const [ip, tc] = await Promise.all([tool('ip', 'iproute2'), tool('tc', 'iproute2')]);
    if (process.getuid?.() !== 0) throw new Missing('network namespaces can only be made by root: run this as root');
    const network = new Network(ip, tc, `shoal-bench-${process.pid}`);
    try {
      await network.#openHub();
    } catch (error) {
      await network[Symbol.asyncDispose]();
      throw new Missing(`network namespaces cannot be made here: ${String(error)}`, { cause: error });
    }
    return network;
  }

  /** The bridge itself, whose own link has no limit. */
  get hub(): Link {
    return this.#link(this.#hub, '10.99.0.1', () => this.#statistics('br0'));
  }

  /** Another link of `bytesPerSecond` up and as much down. */
  async addLink(bytesPerSecond: number): Promise<Link> {
    const number = this.#namespaces.length;
    const [namespace, port] = [`${this.#prefix}-${number}`, `port${number}`];
    const host = `10.99.${Math.floor((number + 1) / 250)}.${((number + 1) % 250) + 1}`;
    await this.#addNamespace(namespace);
    await this.#run(
      'link',
      'add',
      port,
      'netns',
      this.#hub,
      'type',
      'veth',
      'peer',
      'name',
      'eth0',
      'netns',
      namespace,
    );
    await this.#run('-n', this.#hub, 'link', 'set', port, 'master', 'br0', 'up');
    await this.#run('-n', namespace, 'address', 'add', `${host}/16`, 'dev', 'eth0');
    await this.#run('-n', namespace, 'link', 'set', 'eth0', 'up');
    await this.#limit(namespace, 'eth0', bytesPerSecond);
    await this.#limit(this.#hub, port, bytesPerSecond);
    return this.#link(namespace, host, async () => this.#statistics(port));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const namespace of this.#namespaces.splice(0)) await this.#run('netns', 'delete', namespace);
  }

  get #hub(): string {
    return `${this.#prefix}-0`;
  }

  async #openHub(): Promise<void> {
    await this.#addNamespace(this.#hub);
    await this.#run('-n', this.#hub, 'link', 'add', 'br0', 'address', HUB_MAC, 'type', 'bridge', 'forward_delay', '0');
    await this.#run('-n', this.#hub, 'address', 'add', '10.99.0.1/16', 'dev', 'br0');
    await this.#run('-n', this.#hub, 'link', 'set', 'br0', 'up');
  }

  async #addNamespace(name: string): Promise<void> {
    await this.#run('netns', 'add', name);
    this.#namespaces.push(name);
    await this.#run('-n', name, 'link', 'set', 'lo', 'up');
  }

  async #limit(namespace: string, device: string, bytesPerSecond: number): Promise<void> {
    const burst = Math.max(LEAST_BURST_BYTES, Math.ceil(bytesPerSecond / 250));
    const words = [
      'root',
      'tbf',
      'rate',
      `${Math.round(bytesPerSecond * 8)}bit`,
      'burst',
      `${burst}`,
      'latency',
      `${QUEUE_MS}ms`,
    ];
    await run(this.#tc, ['-n', namespace, 'qdisc', 'add', 'dev', device, ...words]);
  }

  #link(namespace: string, host: string, sentBytes: () => Promise<number>): Link {
    return { host, sentBytes, inside: (command) => [this.#ip, 'netns', 'exec', namespace, ...command] };
  }

  /** What the hub received on a device. */
  async #statistics(device: string): Promise<number> {
    const { stdout } = await run(this.#ip, ['-n', this.#hub, '-s', '-j', 'link', 'show', device]);
    const [row] = JSON.parse(stdout) as { stats64: { rx: { bytes: number } } }[];
    return row?.stats64.rx.bytes ?? Number.NaN;
  }

  async #run(...words: readonly string[]): Promise<void> {
    await run(this.#ip, [...words]);
  }
}
