import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect } from 'chai';
import fc from 'fast-check';
import { type Blake3Engine, blake3, blake3Engine, createBlake3, openBlake3 } from '../../common/content/blake3.js';
import { hashOf } from './second-implementation.js';
import { patternBytes, readVectors } from './vectors.js';

interface OfficialVectors {
  readonly cases: readonly { readonly length: number; readonly hash: string }[];
}

const { cases } = readVectors<OfficialVectors>('blake3');
const withoutNative = (): Promise<never> => Promise.reject(new Error('no binary for this platform'));

describe('blake3', () => {
  for (const { length, hash } of cases) {
    it(`gives the official hash of ${length} bytes`, () => {
      expect(Buffer.from(blake3(patternBytes(length))).toString('hex')).to.equal(hash);
    });
  }

  it('hashes several parts as their concatenation', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 3000 }), { maxLength: 5 }), (parts) => {
        expect(blake3(...parts)).to.deep.equal(blake3(Buffer.concat(parts)));
      }),
    );
  });

  it('loads the native implementation where its binary is installed', () => {
    expect(blake3Engine).to.equal('native');
  });

  it('works in a process in which the native add-on cannot be loaded', async () => {
    const url = new URL('../../common/content/blake3.js', import.meta.url).href;
    const script = `
      import { registerHooks } from 'node:module';
      registerHooks({
        resolve(name, context, next) {
          if (name.startsWith('@napi-rs/')) throw new Error('blocked');
          return next(name, context);
        },
      });
      const { blake3, blake3Engine } = await import(${JSON.stringify(url)});
      process.stdout.write(blake3Engine + ' ' + Buffer.from(blake3(Buffer.from('shoal'))).toString('hex'));`;

    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script]);

    expect(stdout).to.equal(`wasm ${hashOf(Buffer.from('shoal')).toString('hex')}`);
  });
});

describe('openBlake3', () => {
  const engines: [string, () => Promise<Blake3Engine>][] = [
    ['native', () => openBlake3()],
    ['wasm', () => openBlake3(withoutNative)],
  ];

  for (const [kind, open] of engines) {
    it(`${kind}: keeps hashers that are fed in turns apart`, async () => {
      const engine = await open();
      const a = engine.createHasher();
      const b = engine.createHasher();

      a.update(Buffer.from('one '));
      b.update(Buffer.from('other '));
      a.update(Buffer.from('content'));
      b.update(Buffer.from('thing'));

      expect(engine.kind).to.equal(kind);
      expect(a.digest()).to.deep.equal(new Uint8Array(hashOf(Buffer.from('one content'))));
      expect(b.digest()).to.deep.equal(new Uint8Array(hashOf(Buffer.from('other thing'))));
    });

    it(`${kind}: starts anew after a digest`, async () => {
      const hasher = (await open()).createHasher();
      hasher.update(Buffer.from('before')).digest();

      expect(hasher.update(Buffer.from('after')).digest()).to.deep.equal(new Uint8Array(hashOf(Buffer.from('after'))));
      expect(hasher.digest()).to.deep.equal(new Uint8Array(hashOf()));
    });
  }

  it('gives the same hash however the bytes are cut, natively and without the add-on', async () => {
    const wasm = (await openBlake3(withoutNative)).createHasher();
    const parts = fc.array(fc.uint8Array({ maxLength: 5000 }), { maxLength: 6 });
    fc.assert(
      fc.property(parts, (cut) => {
        const native = createBlake3();
        for (const part of cut) {
          native.update(part);
          wasm.update(part);
        }
        const whole = new Uint8Array(hashOf(Buffer.concat(cut)));
        expect(native.digest()).to.deep.equal(whole);
        expect(wasm.digest()).to.deep.equal(whole);
      }),
    );
  });
});
