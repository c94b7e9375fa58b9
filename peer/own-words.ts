/** The words that are about the peer as a whole. */
import { formatPin } from '../common/wire/identity.js';
import type { CommandResult, PeerState } from './api.js';

export interface OwnWordsOptions {
  state(): PeerState;
  readonly user: string;
  readonly trackerAddress: string;
  /** 64 hex digits. */
  readonly devicePin: string;
  logOut(): Promise<Record<string, never>>;
  close(): Promise<void>;
}

type OwnWord = 'status' | 'whoami' | 'logout' | 'xit';

export function ownWords(options: OwnWordsOptions): { readonly [W in OwnWord]: () => Promise<CommandResult<W>> } {
  const { user, trackerAddress: tracker, devicePin } = options;
  return {
    status: async () => options.state(),
    whoami: async () => ({ user, tracker, devicePin: formatPin(devicePin) }),
    logout: () => options.logOut(),
    xit: async () => {
      await options.close();
      return {};
    },
  };
}
