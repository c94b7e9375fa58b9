import { type Identity, loadOrCreateIdentity } from '../../common/wire/identity.js';
import { tempDir } from '../support/temp.js';

/** A new identity whose file is gone again. */
export async function newIdentity(commonName = 'shoal test'): Promise<Identity> {
  await using folder = await tempDir();
  return await loadOrCreateIdentity(folder.join('identity.pem'), { commonName });
}
