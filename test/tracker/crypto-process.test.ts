import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { systemClock } from '../../common/runtime/clock.js';
import type { Identity } from '../../common/wire/identity.js';
import { KemKeys } from '../../common/wire/kem-keys.js';
import { dummyHash, formatPhc, parsePhc } from '../../common/wire/phc.js';
import { type SealedLogin, sealLogin, sealLoginReply } from '../../common/wire/sealed-login.js';
import { CryptoProcess, MAX_CONCURRENT_HASHES } from '../../tracker/auth/crypto-process.js';
import { MAX_WAITING_PER_SOURCE } from '../../tracker/auth/hash-queue.js';
import { childrenOf } from '../support/proc.js';
import { waitFor } from '../support/wait-for.js';
import { newIdentity } from '../wire/test-identity.js';

describe('password hashes', () => {
  let hasher: CryptoProcess;
  beforeEach(() => {
    hasher = new CryptoProcess();
  });
  afterEach(() => hasher.stop());

  const child = async (): Promise<number> => {
    const [pid] = await waitFor(async () => {
      const pids = await childrenOf(process.pid);
      return pids.length > 0 && pids;
    });
    return pid!;
  };

  it('are argon2id with the parameters that OWASP recommends, salted, and tell right from wrong', async () => {
    const [first, second] = await Promise.all([hasher.hash('pässword'), hasher.hash('pässword')]);

    expect(first).to.match(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
    expect(first).not.to.equal(second);
    expect(await hasher.verify('pässword', first)).to.equal(true);
    expect(await hasher.verify('password', first)).to.equal(false);
  });

  it('of another program are understood', async () => {
    // echo -n password | argon2 somesalt -id -t 2 -m 16 -p 1 -l 24 -e, from the reference implementation's documentation
    const foreign = '$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc';

    expect(await hasher.verify('password', foreign)).to.equal(true);
    expect(await hasher.verify('passwort', foreign)).to.equal(false);
  });

  it('are asked for again when the process for them could not be started for want of file descriptors', async function () {
    if (process.platform === 'win32') this.skip();
    const script = `
      import { closeSync, openSync } from 'node:fs';
      import { CryptoProcess } from ${JSON.stringify(new URL('../../tracker/auth/crypto-process.js', import.meta.url).href)};
      const held = [];
      try { for (;;) held.push(openSync('/dev/null')); } catch {}
      const hasher = new CryptoProcess();
      const refused = [];
      for (let tries = 0; tries < 3; tries += 1) refused.push(await hasher.hash('x').catch(({ code }) => code));
      for (const fd of held) closeSync(fd);
      console.log(refused.join(), (await hasher.hash('x')).slice(0, 9));
      await hasher.stop();`;
    const limited = ['-c', 'ulimit -n 128; exec "$0" --input-type=module -e "$1"', process.execPath, script];

    const { stdout } = await promisify(execFile)('sh', limited, { timeout: 20_000 });

    expect(stdout.trim()).to.equal('busy,busy,busy $argon2id');
  });

  it('are read back as they were written, and nothing else is read', () => {
    const phc = dummyHash();
    expect(formatPhc(parsePhc(phc)!)).to.equal(phc);
    for (const text of [
      '',
      'secret',
      '$argon2i$v=19$m=19456,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc',
      phc.replace('m=19456', 'm=9999999'),
      phc.replace('t=2', 't=0'),
      `${phc}$`,
    ]) {
      expect(parsePhc(text), text).to.equal(undefined);
    }
  });

  it(`are made ${MAX_CONCURRENT_HASHES} at a time; ${MAX_WAITING_PER_SOURCE} of one source may wait, the next is told that the tracker is busy`, async () => {
    const jobs = Array.from({ length: MAX_CONCURRENT_HASHES + MAX_WAITING_PER_SOURCE + 10 }, () => hasher.hash('x'));

    const results = await Promise.allSettled(jobs);

    const refused = results.filter((result) => result.status === 'rejected');
    expect(refused.map(({ reason }) => (reason as { code: string }).code)).to.deep.equal(
      Array.from({ length: 10 }, () => 'busy'),
    );
    expect(results.findIndex(({ status }) => status === 'rejected')).to.equal(
      MAX_CONCURRENT_HASHES + MAX_WAITING_PER_SOURCE,
    );
  });

  it('run in a niced process without our environment', async () => {
    await hasher.hash('x');
    const pid = await child();

    const niceness = Number((await readFile(`/proc/${pid}/stat`, 'utf8')).split(') ')[1]?.split(' ')[16]);
    expect(niceness).to.equal(10);
    expect(await readFile(`/proc/${pid}/environ`, 'utf8')).not.to.contain('PATH=');
  });

  it('go on after their process was killed', async () => {
    await hasher.hash('x');
    const waiting = hasher.hash('y').catch((error: { code: string }) => error.code);
    process.kill(await child(), 'SIGKILL');

    expect(await waiting).to.satisfy((result: string) => result === 'busy' || result.startsWith('$argon2id'));
    expect(await hasher.hash('z')).to.match(/^\$argon2id/);
  });
});

describe('logins in the process for them', () => {
  let identity: Identity;
  let crypto: CryptoProcess;
  before(async () => {
    identity = await newIdentity();
  });
  beforeEach(() => {
    crypto = new CryptoProcess();
  });
  afterEach(() => crypto.stop());

  const message = { type: 'login', password: 'correct horse' };
  const sealed = async (
    kemKeys: KemKeys,
  ): Promise<{ login: SealedLogin; keys: { kemSecret: Buffer; trackerPin: string } }> => {
    const offer = kemKeys.offer();
    const keyId = offer.subarray(0, 8);
    const trackerPin = identity.pin;
    const login = await sealLogin({
      cookie: Buffer.alloc(24),
      keyId,
      kemKey: offer.subarray(8, 40),
      trackerPin,
      message,
    });
    return { login, keys: { kemSecret: kemKeys.find(keyId)!, trackerPin } };
  };

  it('are opened, each with its own key, and their replies reach the peer', async () => {
    const all = await Promise.all(
      Array.from({ length: 20 }, async () => sealed(await KemKeys.create(identity, systemClock))),
    );

    const replies = await Promise.all(
      all.map(async ({ login, keys }, index) => {
        const opened = await crypto.openLogin(login.datagram, keys);
        expect(JSON.parse(Buffer.from(opened!.plaintext).toString())).to.deep.equal(message);
        return login.openReply(sealLoginReply(opened!, { index }));
      }),
    );

    expect(replies.map((reply) => JSON.parse(String(reply)))).to.deep.equal(all.map((_, index) => ({ index })));
  });

  it('that do not open are told from those that could not be judged', async () => {
    const { login, keys } = await sealed(await KemKeys.create(identity, systemClock));
    const bad = Buffer.from(login.datagram);
    bad[bad.length - 1]! ^= 1;

    expect(await crypto.openLogin(bad, keys)).to.equal(undefined);
    const [pid] = await waitFor(async () => {
      const pids = await childrenOf(process.pid);
      return pids.length > 0 && pids;
    });
    const waiting = crypto.openLogin(login.datagram, keys).catch((error: { code: string }) => error.code);
    process.kill(pid!, 'SIGKILL');
    expect(await waiting).to.satisfy((result: unknown) => result === 'busy' || typeof result === 'object');
    expect(await crypto.openLogin(login.datagram, keys)).to.have.property('plaintext');
  });
});
