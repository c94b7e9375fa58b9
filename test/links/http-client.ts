// HTTP over a pinned TLS connection, for tests of answers; that real clients pin too is tested with curl.
import { request as httpRequest, type RequestOptions } from 'node:http';

import { connectPinned } from '../../common/wire/pinned-tls.js';

export interface HttpAnswer {
  readonly status: number;
  readonly headers: Record<string, string | string[] | undefined>;
  readonly body: Buffer;
}

/** Sends one request to `https://127.0.0.1:PORT/…`; the path goes out as it is, not tidied up. */
export async function httpFetch(url: string, pin: string, options: RequestOptions = {}): Promise<HttpAnswer> {
  const { socket } = await httpsSocket(Number(new URL(url).port), pin);
  const { promise, resolve, reject } = Promise.withResolvers<HttpAnswer>();
  const path = url.slice(url.indexOf('/', 'https://'.length));
  const request = httpRequest({ host: '127.0.0.1', path, ...options, createConnection: () => socket }, (response) => {
    const parts: Buffer[] = [];
    response.on('data', (part: Buffer) => parts.push(part)).on('error', reject);
    response.on('end', () => {
      resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(parts) });
      socket.destroy();
    });
  });
  request.on('error', reject).end();
  return promise;
}

export function httpsSocket(port: number, pin: string): ReturnType<typeof connectPinned> {
  const signal = AbortSignal.timeout(30_000);
  return connectPinned({ host: '127.0.0.1', port, pin, alpn: 'http/1.1', timeoutMs: 5_000, signal });
}
