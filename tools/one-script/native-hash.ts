/**
 * Stands for the package `@napi-rs/blake-hash` in the script. In the single executable file the add-on is embedded, but the system
 * loads native code from files only: it is written to a folder that is this user's alone, and a file that is there already is used only
 * when it is the same byte for byte. Whatever fails here leaves the work to WebAssembly, see common/content/blake3.ts.
 */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { getAssetKeys, getRawAsset } from 'node:sea';
import { ensurePrivateDir, writeFileDurably } from '../../common/runtime/files.js';
import { currentHost } from '../../common/runtime/host.js';
import { isSingleFile } from '../../common/runtime/own-program.js';
import { stateFolder } from '../../common/runtime/state-folder.js';

type Package = typeof import('@napi-rs/blake-hash');

export const { Blake3Hasher } = isSingleFile ? await loadEmbedded() : loadPackage();

function loadPackage(): Package {
  return createRequire(import.meta.url)('@napi-rs/blake-hash') as Package;
}

async function loadEmbedded(): Promise<Package> {
  const loaded: { exports: object } = { exports: {} };
  process.dlopen(loaded, await nativeFile());
  return loaded.exports as Package;
}

/** Its name holds the hash of its content, so that several versions of Shoal do not replace each other's. */
async function nativeFile(): Promise<string> {
  const name = getAssetKeys().find((key) => key.endsWith('.node'));
  if (name === undefined) throw new Error('this executable was built without the native add-on');
  const bytes = Buffer.from(getRawAsset(name));
  const folder = join(stateFolder(currentHost()), 'native');
  await ensurePrivateDir(folder);
  const path = join(folder, name);
  const present = await readFile(path).catch(() => undefined);
  if (present === undefined || !bytes.equals(present)) await writeFileDurably(path, bytes);
  return path;
}
