// Seeded proxies that do to UDP and TCP what networks do; the one entry for tests.
import type { Endpoint } from './fault-direction.js';
import { startTcpProxy, type TcpProxy, type TcpProxyOptions } from './tcp-proxy.js';
import { startUdpProxy, type UdpProxy, type UdpProxyOptions } from './udp-proxy.js';

export { startTcpProxy, TcpProxy, type TcpProxyOptions } from './tcp-proxy.js';
export { startUdpProxy, type UdpFaults, UdpProxy, type UdpProxyOptions } from './udp-proxy.js';

/** A free TCP port may be taken for UDP by somebody else; then another one is tried. */
const PORT_ATTEMPTS = 20;

export interface BothProxyOptions {
  readonly target: Endpoint;
  readonly host?: string;
  readonly port?: number;
  readonly seed?: number;
  readonly udp?: Omit<UdpProxyOptions, 'target' | 'host' | 'port' | 'seed'>;
  readonly tcp?: Omit<TcpProxyOptions, 'target' | 'host' | 'port' | 'seed'>;
}

export interface BothProxy extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
  readonly udp: UdpProxy;
  readonly tcp: TcpProxy;
  close(): Promise<void>;
}

/** A UDP and a TCP proxy on the same port number, as a tracker uses one number for both. */
export async function startBothProxy(options: BothProxyOptions): Promise<BothProxy> {
  const { target, udp: udpOptions, tcp: tcpOptions, ...place } = options;
  for (let attempt = 1; ; attempt += 1) {
    const tcp = await startTcpProxy({ ...tcpOptions, ...place, target });
    try {
      const udp = await startUdpProxy({ ...udpOptions, ...place, target, port: tcp.port });
      const close = async (): Promise<void> => {
        await Promise.all([udp.close(), tcp.close()]);
      };
      return { host: tcp.host, port: tcp.port, udp, tcp, close, [Symbol.asyncDispose]: close };
    } catch (error) {
      await tcp.close();
      const isTaken = (error as NodeJS.ErrnoException).code === 'EADDRINUSE';
      if (!isTaken || options.port !== undefined || attempt === PORT_ATTEMPTS) throw error;
    }
  }
}
