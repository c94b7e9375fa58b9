// npm's bittorrent-tracker as a process of its own, UDP only: PACKAGES.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

interface Server {
  listen(port: number, hosts: { udp: string; udp6: string }, onListening: () => void): void;
  readonly udp: { address(): { port: number } };
  on(event: 'warning', listener: () => void): void;
}

const [folder = ''] = process.argv.slice(2);
// Resolved from where it is installed, and as an ES module: the package exports nothing else.
const entry = join(folder, 'tracker.js');
writeFileSync(entry, "export { default } from 'bittorrent-tracker/server';\n");
const { default: TrackerServer } = (await import(pathToFileURL(entry).href)) as {
  default: new (options: object) => Server;
};
const server = new TrackerServer({ udp: true, http: false, ws: false, stats: false, trustProxy: false });
server.on('warning', () => undefined);
server.listen(0, { udp: '127.0.0.1', udp6: '::1' }, () =>
  process.stdout.write(`listening ${server.udp.address().port}\n`),
);
