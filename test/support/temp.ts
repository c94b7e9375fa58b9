import { createCipheriv, createHash, randomBytes as entropy } from 'node:crypto';
import { createReadStream, existsSync, rmSync } from 'node:fs';
import { type FileHandle, mkdir, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';

const RAM_FOLDER = '/dev/shm';
const BLOCK_BYTES = 4 * 1024 * 1024;

export interface TempDir extends AsyncDisposable {
  readonly path: string;
  /** A path inside the folder; nothing is created. */
  join(...parts: readonly string[]): string;
}

const foldersInUse = new Set<string>();
process.once('exit', () => {
  for (const path of foldersInUse) rmSync(path, { recursive: true, force: true });
});

/**
 * A new empty folder, removed with everything in it at the end of the `await using` block, or when the test run ends.
 * `ram` puts it on /dev/shm where there is one. The path is short: a Unix socket below it must fit 108 bytes.
 */
export async function tempDir(options: { readonly ram?: boolean } = {}): Promise<TempDir> {
  const parent = options.ram === true && existsSync(RAM_FOLDER) ? RAM_FOLDER : tmpdir();
  const path = join(parent, `shoal-${entropy(5).toString('hex')}`);
  await mkdir(path, { mode: 0o700 });
  foldersInUse.add(path);
  return {
    path,
    join: (...parts) => join(path, ...parts),
    [Symbol.asyncDispose]: async () => {
      await rm(path, { recursive: true, force: true, maxRetries: 5, retryDelay: 20 });
      foldersInUse.delete(path);
    },
  };
}

/** `size` bytes that follow from `seed` alone; they look random and do not compress. */
export function seededBytes(size: number, seed: number): Buffer {
  return keystream(seed).update(Buffer.alloc(size));
}

/** Writes `size` bytes of `seededBytes(…, seed)` block by block, so that files of many GiB need no memory. */
export async function writeRandomFile(path: string, size: number, seed: number): Promise<void> {
  const cipher = keystream(seed);
  const zeros = Buffer.alloc(Math.min(size, BLOCK_BYTES));
  await using file = await open(path, 'w');
  for (let written = 0; written < size; ) {
    const block = cipher.update(zeros.subarray(0, Math.min(BLOCK_BYTES, size - written)));
    await file.writeFile(block);
    written += block.length;
  }
}

/** SHA-256 of a file in lower-case hex: on purpose another hash than the product's own. */
export async function sha256File(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path, { highWaterMark: BLOCK_BYTES }), hash);
  return hash.digest('hex');
}

/** Whether two files hold the same bytes; reads both block by block. */
export async function sameBytes(a: string, b: string): Promise<boolean> {
  await using fileA = await open(a);
  await using fileB = await open(b);
  const { size } = await fileA.stat();
  if (size !== (await fileB.stat()).size) return false;
  const blockA = Buffer.alloc(BLOCK_BYTES);
  const blockB = Buffer.alloc(BLOCK_BYTES);
  for (let offset = 0; offset < size; offset += BLOCK_BYTES) {
    const length = Math.min(BLOCK_BYTES, size - offset);
    await Promise.all([readExactly(fileA, blockA, offset, length), readExactly(fileB, blockB, offset, length)]);
    if (!blockA.subarray(0, length).equals(blockB.subarray(0, length))) return false;
  }
  return true;
}

async function readExactly(file: FileHandle, into: Buffer, offset: number, length: number): Promise<void> {
  for (let done = 0; done < length; ) {
    const { bytesRead } = await file.read(into, done, length - done, offset + done);
    if (bytesRead === 0) throw new Error(`the file became shorter while it was compared, at byte ${offset + done}`);
    done += bytesRead;
  }
}

function keystream(seed: number): ReturnType<typeof createCipheriv> {
  const key = createHash('sha256').update(`random file ${seed}`).digest();
  return createCipheriv('aes-128-ctr', key.subarray(0, 16), key.subarray(16, 32));
}
