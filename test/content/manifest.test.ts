import { expect } from 'chai';
import fc from 'fast-check';
import { ContentError } from '../../common/content/content-error.js';
import { parseFileId } from '../../common/content/file-id.js';
import {
  chunkHash,
  fileIdOf,
  folderIdOf,
  isChunkHash,
  type Manifest,
  manifestBytesFor,
  manifestOfBytes,
  parseFolderManifest,
  parseManifest,
  verifyChunk,
} from '../../common/content/manifest.js';
import { CHUNK, SMALL_SIZES, TOO_LARGE } from './boundary-sizes.js';
import { hashOf, secondHashes, secondHead, secondId } from './second-implementation.js';
import { patternBytes, readVectors } from './vectors.js';

interface ManifestVectors {
  readonly cases: readonly { why: string; size: number; chunkSize: number; hashes: string[]; fileId: string }[];
}
interface FileIdVectors {
  readonly cases: readonly {
    why: string;
    size: number;
    chunkSize: number;
    chunks: number;
    head: string;
    fileId: string;
  }[];
}
interface FolderIdVectors {
  readonly cases: readonly ({
    why: string;
    size: number;
    hashes: string[];
    folderId: string;
    sameBytesAsFile: string;
  } & ({ listing: string } | { listing?: never; lines: number; lineFileId: string }))[];
}

describe('manifest vectors', () => {
  for (const { why, size, chunkSize, hashes, fileId } of readVectors<ManifestVectors>('manifest').cases) {
    it(`content of ${size} bytes (${why})`, () => {
      const content = patternBytes(size);
      const expected = Buffer.from(hashes.join(''), 'hex');

      const manifest = manifestOfBytes(content);

      expect(Buffer.from(manifest.hashes)).to.deep.equal(expected);
      expect(manifest.chunkSize).to.equal(chunkSize);
      expect(fileIdOf(manifest)).to.equal(fileId);
      expect(secondHashes(content)).to.deep.equal(expected);
      expect(secondId('shoal-file-v1', size, expected)).to.equal(fileId);
    });
  }

  for (const { why, size, chunkSize, chunks, head, fileId } of readVectors<FileIdVectors>('file-id').cases) {
    it(`id of ${chunks} given hashes (${why})`, () => {
      const hashes = Buffer.concat(Array.from({ length: chunks }, (_, index) => hashOf(bigEndian(index))));

      expect(secondHead('shoal-file-v1', size).toString('hex')).to.equal(head);
      expect(secondId('shoal-file-v1', size, hashes)).to.equal(fileId);
      expect(fileIdOf({ size, chunkSize, hashes })).to.equal(fileId);
      expect(manifestBytesFor(size)).to.equal(hashes.length);
    });
  }

  for (const { why, size, hashes, folderId, sameBytesAsFile, ...rest } of readVectors<FolderIdVectors>('folder-id')
    .cases) {
    it(`folder id of ${why}`, () => {
      const content = Buffer.from(rest.listing ?? listingOf(rest.lines, rest.lineFileId));

      const manifest = manifestOfBytes(content);

      expect(content.length).to.equal(size);
      expect(secondHashes(content).toString('hex')).to.equal(hashes.join(''));
      expect(secondId('shoal-folder-v1', size, secondHashes(content))).to.equal(folderId);
      expect(folderIdOf(manifest)).to.equal(folderId);
      expect(fileIdOf(manifest)).to.equal(sameBytesAsFile);
    });
  }
});

describe('parseManifest', () => {
  const content = patternBytes(3 * CHUNK + 5);
  const { hashes } = manifestOfBytes(content);
  const fileId = fileIdOf(manifestOfBytes(content));

  for (const { size, why } of SMALL_SIZES) {
    it(`accepts what belongs to the id (${why})`, () => {
      const manifest = manifestOfBytes(patternBytes(size));

      expect(parseManifest(manifest.hashes, fileIdOf(manifest), size)).to.deep.equal(manifest);
    });
  }

  it('refuses every other length, from nothing to a hash too many', () => {
    for (const bytes of [
      Buffer.alloc(0),
      hashes.subarray(1),
      hashes.subarray(0, 96),
      Buffer.concat([hashes, hashes]),
    ]) {
      expectBad(() => parseManifest(bytes, fileId, content.length));
    }
  });

  it('refuses any flipped bit', () => {
    fc.assert(
      fc.property(fc.nat({ max: hashes.length * 8 - 1 }), (bit) => {
        const forged = Buffer.from(hashes);
        forged.writeUInt8(forged.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
        expectBad(() => parseManifest(forged, fileId, content.length));
      }),
    );
  });

  it('refuses hashes in another order', () => {
    const swapped = Buffer.concat([hashes.subarray(32, 64), hashes.subarray(0, 32), hashes.subarray(64)]);

    expectBad(() => parseManifest(swapped, fileId, content.length));
  });

  it('refuses a size that is a lie, also one with as many chunks', () => {
    for (const size of [content.length - 1, content.length + 1, 3 * CHUNK, 4 * CHUNK, 0, CHUNK]) {
      expectBad(() => parseManifest(hashes, fileId, size));
    }
  });

  for (const size of [-1, 1.5, NaN, 2 ** 53]) {
    it(`refuses ${size} bytes as no size of a file`, () => {
      expect(() => parseManifest(hashes, fileId, size))
        .to.throw(ContentError)
        .with.property('code', 'bad-size');
    });
  }

  it('refuses more than 4 TiB', () => {
    expect(() => parseManifest(hashes, fileId, TOO_LARGE.size))
      .to.throw(ContentError)
      .with.property('code', 'too-large');
  });

  it('takes neither a folder for a file nor a file for a folder', () => {
    const folderId = folderIdOf(manifestOfBytes(content));

    expectBad(() => parseManifest(hashes, folderId, content.length));
    expectBad(() => parseFolderManifest(hashes, fileId, content.length));
    expect(parseFolderManifest(hashes, folderId, content.length).size).to.equal(content.length);
  });

  it('refuses everything for an id that nothing has', () => {
    expectBad(() => parseManifest(hashes, parseFileId('0'.repeat(64)), content.length));
  });
});

describe('verifyChunk', () => {
  const content = patternBytes(2 * CHUNK + 7);
  const manifest: Manifest = manifestOfBytes(content);
  const first = content.subarray(0, CHUNK);
  const last = content.subarray(2 * CHUNK);

  it('accepts each chunk at its place, the short last one too', () => {
    verifyChunk(first, 0, manifest);
    verifyChunk(content.subarray(CHUNK, 2 * CHUNK), 1, manifest);
    verifyChunk(last, 2, manifest);
  });

  const forgeries: [string, Uint8Array, number][] = [
    ['a flipped bit', Buffer.from(first).fill(0xff, 99, 100), 0],
    ['a chunk that is cut short', first.subarray(1), 0],
    ['a chunk with a byte too many', Buffer.concat([last, last.subarray(0, 1)]), 2],
    ['nothing', new Uint8Array(0), 2],
    ['the next chunk instead', first, 1],
  ];
  for (const [what, bytes, index] of forgeries) {
    it(`refuses ${what}`, () => {
      expect(() => verifyChunk(bytes, index, manifest))
        .to.throw(ContentError, `chunk ${index}`)
        .with.property('code', 'chunk-mismatch');
    });
  }

  it('knows no chunk outside the file', () => {
    for (const index of [-1, 3, 0.5]) {
      expect(() => verifyChunk(last, index, manifest)).to.throw(RangeError);
      expect(() => chunkHash(manifest, index)).to.throw(RangeError);
    }
  });

  it('compares a hash that was made elsewhere', () => {
    expect(isChunkHash(hashOf(first), 0, manifest)).to.equal(true);
    expect(isChunkHash(hashOf(first), 1, manifest)).to.equal(false);
    expect(isChunkHash(hashOf(first).subarray(1), 0, manifest)).to.equal(false);
  });
});

function expectBad(parse: () => unknown): void {
  expect(parse).to.throw(ContentError).with.property('code', 'bad-manifest');
}

function bigEndian(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

function listingOf(lines: number, fileId: string): string {
  const line = (index: number): string =>
    `{"path":"file-${String(index).padStart(5, '0')}.bin","size":1,"fileId":"${fileId}","executable":false}\n`;
  return Array.from({ length: lines }, (_, index) => line(index)).join('');
}
