// One end of a webtorrent transfer as a process of its own: PACKAGES seed|fetch TORRENT PATH PORT.
import { renameSync, writeFileSync } from 'node:fs';
import { createRequire, registerHooks } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

interface Torrent {
  readonly torrentFile: Uint8Array;
  addPeer(address: string): boolean;
  on(event: 'done' | 'ready', listener: () => void): void;
}

interface Client {
  seed(path: string, options: object, onSeed: (torrent: Torrent) => void): void;
  add(torrent: string, options: object): Torrent;
  destroy(onDestroyed: () => void): void;
}

// WebRTC is not used here, and its native part is not installed.
const STUB =
  'data:text/javascript,export const RTCPeerConnection=0,RTCSessionDescription=0,RTCIceCandidate=0;export default {}';
registerHooks({
  resolve: (specifier, context, next) =>
    specifier === 'webrtc-polyfill' ? { url: STUB, shortCircuit: true } : next(specifier, context),
});

const [folder = '', role = '', torrentPath = '', path = '', port = ''] = process.argv.slice(2);
const entry = createRequire(join(folder, 'package.json')).resolve('webtorrent');
const { default: WebTorrent } = (await import(pathToFileURL(entry).href)) as {
  default: new (options: object) => Client;
};
const quiet = {
  dht: false,
  tracker: false,
  lsd: false,
  utPex: false,
  utp: false,
  webSeeds: false,
  natUpnp: false,
  natPmp: false,
};

if (role === 'seed') {
  const client = new WebTorrent({ ...quiet, torrentPort: Number(port) });
  client.seed(path, { announce: [] }, ({ torrentFile }) => {
    writeFileSync(`${torrentPath}.new`, torrentFile);
    renameSync(`${torrentPath}.new`, torrentPath);
  });
} else {
  const client = new WebTorrent(quiet);
  const torrent = client.add(torrentPath, { path, announce: [] });
  torrent.on('ready', () => torrent.addPeer(`127.0.0.1:${port}`));
  torrent.on('done', () => client.destroy(() => process.exit(0)));
}
