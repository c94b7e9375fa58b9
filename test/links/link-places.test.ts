import { once } from 'node:events';
import type { TLSSocket } from 'node:tls';

import { expect } from 'chai';

import { FilePort } from '../../peer/file-port/file-port.js';
import { LinkServer } from '../../peer/links/link-server.js';
import { Links, type MadeLink } from '../../peer/links/links.js';
import { type Publication, type TestPeer, World } from '../download/swarm-fixture.js';
import { waitFor } from '../support/wait-for.js';
import { httpFetch, httpsSocket } from './http-client.js';

/** More than the share of one link. */
const PLACES = 70;
const HOUR = 3_600_000;

describe('The places of the link lane', () => {
  let world: World;
  let publication: Publication;
  let alice: TestPeer;
  let port: FilePort;
  let links: Links;
  const sockets: TLSSocket[] = [];
  beforeEach(async () => {
    world = await World.open();
    publication = await world.publish('file.bin', 100_000);
    alice = await world.peer('alice', [publication]);
    links = await Links.open({ stateDir: world.dir.path });
    const files = {
      find: (id: string) => alice.files.get(id),
      findFile: () => alice.files.get(publication.publicationId),
    };
    const server = new LinkServer({ links, files, uploads: alice.uploads });
    port = await FilePort.listen({
      identity: alice.identity,
      host: '127.0.0.1',
      port: 0,
      maxConnections: PLACES,
      onPeer: (connection) => connection.close(),
      onHttp: (socket, guest) => server.accept(socket, guest),
    });
    world.onEnd(async () => {
      await server.stop();
      await port.stop();
      await links.stop();
    });
  });
  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy();
    await world[Symbol.asyncDispose]();
  });

  const make = (): Promise<MadeLink> =>
    links.make({
      fileId: publication.fileId,
      publicationId: publication.publicationId,
      name: publication.name,
      expiresInMs: HOUR,
      host: '127.0.0.1',
      port: port.port,
      pin: alice.identity.pin,
    });

  /** A connection on which `text` was sent and that stays open. */
  async function held(text: string): Promise<TLSSocket> {
    const { socket } = await httpsSocket(port.port, alice.identity.pin);
    sockets.push(socket);
    socket.on('error', () => undefined);
    socket.write(text);
    return socket;
  }

  const head = ({ url }: MadeLink): string => `HEAD ${url.slice(url.indexOf('/files'))} HTTP/1.1\r\nHost: x\r\n\r\n`;

  it('are not kept from others by one link', async () => {
    const greedy = await make();
    await Promise.all(Array.from({ length: PLACES }, async () => once(await held(head(greedy)), 'data')));

    const { status } = await httpFetch((await make()).url, alice.identity.pin);

    expect(status).to.equal(200);
    // One made room; on a busy machine others were silent for too long besides.
    expect(sockets.filter(({ destroyed }) => destroyed)).to.not.be.empty;
  });

  it('are lost by who asks again and again without waiting for an answer', async () => {
    const link = await make();
    const get = head(link).replace('HEAD', 'GET');

    const socket = await held(get.repeat(5_000));

    socket.resume();
    await waitFor(() => socket.destroyed);
    expect(links.list()[0]?.uses, 'requests that were answered').to.be.at.most(8);
    expect((await httpFetch(link.url, alice.identity.pin)).status).to.equal(200);
  });
});
