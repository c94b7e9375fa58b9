import { mkdir, writeFile } from 'node:fs/promises';
import { basename, dirname } from 'node:path';

import { loadOrCreateIdentity } from '../../common/wire/identity.js';
import { costOf } from '../support/process-cost.js';
import { freePort, isListening, startServer } from '../support/servers.js';
import { tool, versionOf } from '../support/tools.js';
import { CIPHER, type Contender, type Course } from './contender.js';

/** `curl` from nginx over TLS 1.3; large output buffers, which are its best case. */
export async function openNginx({ dir, source }: Course): Promise<Contender> {
  const [nginx, curl] = [await tool('nginx', 'nginx-light'), await tool('curl', 'curl')];
  const versions = [
    await versionOf(nginx, ['-v'], /nginx\/[\d.]+/),
    await versionOf(curl, ['--version'], /curl [\d.]+.*?OpenSSL\/[\w.]+/),
  ];
  const home = dir.join('nginx');
  await mkdir(home);
  const { certPem, keyPem } = await loadOrCreateIdentity(dir.join('nginx/identity.pem'), { commonName: 'localhost' });
  await writeFile(dir.join('nginx/cert.pem'), certPem);
  await writeFile(dir.join('nginx/key.pem'), keyPem, { mode: 0o600 });
  const port = await freePort();
  await writeFile(dir.join('nginx/nginx.conf'), configOf({ home, port, root: dirname(source) }));
  const args = ['-p', home, '-c', dir.join('nginx/nginx.conf'), '-e', dir.join('nginx/error.log')];
  const server = await startServer([nginx, ...args], { isReady: () => isListening(port) });
  const url = `https://127.0.0.1:${port}/${basename(source)}`;
  // The certificate names no address; curl verifies nothing of the bytes either way.
  const words = ['--silent', '--show-error', '--fail', '--insecure', '--tls13-ciphers', CIPHER, '--tlsv1.3'];
  return {
    name: 'curl ← nginx',
    about: `${versions.join(', ')}; TLS 1.3, ${CIPHER}, output_buffers 2 × 1 MiB; verifies nothing`,
    move: (target) => costOf({ command: [curl, ...words, '--output', target, url], servers: [server.pid] }),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

function configOf({ home, port, root }: { home: string; port: number; root: string }): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${home}/${name};`,
  );
  return `daemon off;
worker_processes auto;
pid ${home}/nginx.pid;
error_log ${home}/error.log;
${process.getuid?.() === 0 ? 'user root;' : ''}
events { worker_connections 64; }
http {
  access_log off;
  ${temporary.join('\n  ')}
  output_buffers 2 1m;
  server {
    listen 127.0.0.1:${port} ssl;
    ssl_certificate ${home}/cert.pem;
    ssl_certificate_key ${home}/key.pem;
    ssl_protocols TLSv1.3;
    ssl_conf_command Ciphersuites ${CIPHER};
    location / { root ${root}; }
  }
}
`;
}
