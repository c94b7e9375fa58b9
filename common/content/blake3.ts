/**
 * BLAKE3, and nothing else: the one home of both hash packages. The native add-on does the work; where it cannot load (a platform
 * without a prebuilt binary, an image that skipped optional packages) WebAssembly gives the same bytes, about ten times slower.
 * The choice is made once, while this module loads.
 */

/** Length of every BLAKE3 digest here, in bytes. */
export const HASH_BYTES = 32;

/** Hashes data that arrives in parts, without keeping it. */
export interface Blake3Hasher {
  update(part: Uint8Array): this;
  /** The hash of all parts since the start or the last `digest`; afterwards the hasher is as new. */
  digest(): Uint8Array;
}

export interface Blake3Engine {
  readonly kind: 'native' | 'wasm';
  createHasher(): Blake3Hasher;
}

type NativeModule = Pick<typeof import('@napi-rs/blake-hash'), 'Blake3Hasher'>;

/** Opens the native add-on, or WebAssembly when `loadNative` fails for whatever reason. */
export async function openBlake3(loadNative: () => Promise<NativeModule> = importNative): Promise<Blake3Engine> {
  let native: NativeModule;
  try {
    native = await loadNative();
  } catch {
    // Every way to fail (no binary, wrong libc, blocked by policy) has the same remedy, and the result is equal byte for byte.
    return openWasm();
  }
  return { kind: 'native', createHasher: () => nativeHasher(new native.Blake3Hasher()) };
}

const engine = await openBlake3();

/** Which implementation this process uses. */
export const blake3Engine: Blake3Engine['kind'] = engine.kind;

export function createBlake3(): Blake3Hasher {
  return engine.createHasher();
}

/** The 32-byte hash of the parts one after another. */
export function blake3(...parts: readonly Uint8Array[]): Uint8Array {
  const hasher = engine.createHasher();
  for (const part of parts) hasher.update(part);
  return hasher.digest();
}

function importNative(): Promise<NativeModule> {
  return import('@napi-rs/blake-hash');
}

function nativeHasher(inner: InstanceType<NativeModule['Blake3Hasher']>): Blake3Hasher {
  return {
    update(part) {
      inner.update(part);
      return this;
    },
    digest() {
      // A copy: the add-on's buffers live outside the heap, one finaliser each, and a manifest has 65,536 of them.
      const digest = new Uint8Array(inner.digestBuffer());
      inner.reset();
      return digest;
    },
  };
}

async function openWasm(): Promise<Blake3Engine> {
  const { createBLAKE3 } = await import('hash-wasm');
  const shared = await createBLAKE3();
  const fresh = shared.init().save();
  // An instance can only be made asynchronously, so all hashers share one and swap their state (2 KiB) in and out.
  const createHasher = (): Blake3Hasher => {
    let state = fresh;
    return {
      update(part) {
        state = shared.load(state).update(part).save();
        return this;
      },
      digest() {
        const digest = shared.load(state).digest('binary');
        state = fresh;
        return digest;
      },
    };
  };
  return { kind: 'wasm', createHasher };
}
