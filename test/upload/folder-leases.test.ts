import { expect } from 'chai';

import { ProtocolError } from '../../common/protocol/errors.js';
import { FolderLeases } from '../../peer/upload/folder-leases.js';
import type { Lease } from '../../peer/upload/served-files.js';
import type { SharedFile } from '../../peer/upload/shared-file.js';

describe('Files of a folder that are open for one downloader', () => {
  it('are given back when the downloader has left while one was being opened', async () => {
    let givenBack = 0;
    const opening = Promise.withResolvers<Lease>();
    const shared = { folder: { find: () => [{}] } } as unknown as SharedFile;
    const leases = new FolderLeases({ lease: () => opening.promise }, shared);

    const file = leases.open('ab').then(
      () => 'open',
      (error: unknown) => (error instanceof ProtocolError ? error.code : error),
    );
    leases[Symbol.dispose]();
    opening.resolve({
      file: {} as Lease['file'],
      [Symbol.dispose]: () => {
        givenBack += 1;
      },
    });

    expect(await file).to.equal('cancelled');
    expect(givenBack).to.equal(1);
  });
});
