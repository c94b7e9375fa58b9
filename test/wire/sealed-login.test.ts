import { randomBytes } from 'node:crypto';
import { expect } from 'chai';
import { ProtocolError } from '../../common/protocol/errors.js';
import { KEM_KEY_LIFE_MS, MAX_DATAGRAM_BYTES } from '../../common/protocol/limits.js';
import { VirtualClock } from '../../common/runtime/clock.js';
import { type CookieReply, encodeCookie, readCookieReply } from '../../common/wire/datagrams.js';
import type { Identity } from '../../common/wire/identity.js';
import { KemKeys } from '../../common/wire/kem-keys.js';
import {
  MAX_SEALED_LOGIN_BYTES,
  MAX_SEALED_LOGIN_REPLY_BYTES,
  openLogin,
  type SealedLogin,
  sealLogin,
  sealLoginReply,
} from '../../common/wire/sealed-login.js';
import { newIdentity } from './test-identity.js';

const PASSWORD = 'correct horse battery staple';
const message = { type: 'login', password: PASSWORD };

describe('sealed login', () => {
  let identity: Identity;
  let clock: VirtualClock;
  let kemKeys: KemKeys;
  let offered: CookieReply;

  before(async () => {
    identity = await newIdentity();
  });
  beforeEach(async () => {
    clock = new VirtualClock();
    kemKeys = await KemKeys.create(identity, clock);
    offered = offerOf(kemKeys);
  });

  const offerOf = (keys: KemKeys): CookieReply => {
    const nonce = randomBytes(16);
    const reply = readCookieReply(encodeCookie({ nonce, cookie: randomBytes(24), offer: keys.offer() }), {
      nonce,
      pin: identity.pin,
    });
    if (reply === undefined) throw new Error('the offer was refused');
    return reply;
  };
  const sealed = (content: object = message): Promise<SealedLogin> =>
    sealLogin({ ...offered, trackerPin: identity.pin, message: content });
  const opened = async (datagram: Buffer, trackerPin = identity.pin): ReturnType<typeof openLogin> => {
    const kemSecret = kemKeys.find(datagram.subarray(26, 34));
    return kemSecret && openLogin(datagram, { kemSecret, trackerPin });
  };

  it('carries login and reply between two ends that share only the pin', async () => {
    const login = await sealed();
    const request = await opened(login.datagram);
    const reply = await login.openReply(
      request === undefined ? Buffer.alloc(0) : sealLoginReply(request, { ok: true }),
    );

    expect(JSON.parse(Buffer.from(request?.plaintext ?? []).toString())).to.deep.equal(message);
    expect(JSON.parse(String(reply))).to.deep.equal({ ok: true });
  });

  it('shows neither the password nor the length of anything', async () => {
    const long = await sealed({ ...message, user: 'x'.repeat(60) });
    const short = await sealed();

    expect(short.datagram.length).to.equal(MAX_DATAGRAM_BYTES);
    expect(long.datagram.length).to.equal(MAX_DATAGRAM_BYTES);
    for (const secret of [PASSWORD, Buffer.from(PASSWORD).toString('base64'), Buffer.from(PASSWORD).toString('hex')]) {
      expect(short.datagram.includes(secret)).to.equal(false);
    }
  });

  it('a flip in any byte of the login is refused', async () => {
    const { datagram } = await sealed();
    for (let at = 0; at < datagram.length; at += 1) {
      const bad = Buffer.from(datagram);
      bad[at] = (bad[at] ?? 0) ^ (1 << (at & 7));
      expect(await opened(bad), `byte ${at}`).to.equal(undefined);
    }
  });

  it('a flip of any bit of the reply is refused, and so is the reply to another login', async () => {
    const login = await sealed();
    const other = await sealed();
    const request = await opened(login.datagram);
    const good = request === undefined ? Buffer.alloc(0) : sealLoginReply(request, { ok: true });
    for (let bit = 0; bit < good.length * 8; bit += 1) {
      const bad = Buffer.from(good);
      bad[bit >> 3] = (bad[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(await login.openReply(bad), `bit ${bit}`).to.equal(undefined);
    }

    expect(await other.openReply(good)).to.equal(undefined);
    for (let length = 0; length < good.length; length += 1)
      expect(await login.openReply(good.subarray(0, length))).to.equal(undefined);
    expect(await login.openReply(good)).to.deep.equal(Buffer.from('{"ok":true}'));
  });

  it('a flip of the bit that X25519 ignores is refused too: HPKE binds enc itself', async () => {
    const { datagram } = await sealed();
    datagram[65] = (datagram[65] ?? 0) ^ 0x80;

    expect(await opened(datagram)).to.equal(undefined);
  });

  it("sealed for another tracker's pin does not open", async () => {
    const { datagram } = await sealed();

    expect(await opened(datagram, 'ab'.repeat(32))).to.equal(undefined);
  });

  it('opens with the key before the current one, and not with an older one', async () => {
    const { datagram } = await sealed();

    clock.advance(KEM_KEY_LIFE_MS);
    kemKeys.offer();
    expect(await opened(datagram)).to.not.equal(undefined);

    clock.advance(KEM_KEY_LIFE_MS);
    expect(await opened(datagram)).to.equal(undefined);
  });

  it('a point of low order and random bytes in the place of enc are refused', async () => {
    const { datagram } = await sealed();
    for (const enc of [
      Buffer.alloc(32),
      Buffer.from([1, ...Buffer.alloc(31)]),
      Buffer.alloc(32, 0xff),
      randomBytes(32),
    ]) {
      const bad = Buffer.from(datagram);
      enc.copy(bad, 34);
      expect(await opened(bad)).to.equal(undefined);
    }
  });

  it('a message that does not fit is refused with the way out, at both ends', async () => {
    const fill = (length: number): object => ({ a: 'x'.repeat(length - 8) });
    const request = await opened((await sealed(fill(MAX_SEALED_LOGIN_BYTES))).datagram);
    if (request === undefined) throw new Error('the login was refused');

    expect(request.plaintext.length).to.equal(MAX_SEALED_LOGIN_BYTES);
    expect(sealLoginReply(request, fill(MAX_SEALED_LOGIN_REPLY_BYTES)).length).to.equal(MAX_DATAGRAM_BYTES);
    expect(await failure(sealed(fill(MAX_SEALED_LOGIN_BYTES + 1)))).to.equal('use-tcp');
    expect(() => sealLoginReply(request, fill(MAX_SEALED_LOGIN_REPLY_BYTES + 1)))
      .to.throw(ProtocolError)
      .with.property('code', 'use-tcp');
  });
});

async function failure(promise: Promise<unknown> | undefined): Promise<string> {
  try {
    await promise;
    return 'none';
  } catch (error) {
    if (error instanceof ProtocolError) return error.code;
    throw error;
  }
}
