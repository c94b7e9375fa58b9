import type { PasscodeSource, PasscodeWish } from '../wording/passcode.js';
import type { CommandContext } from './context.js';
import { readSecretFile } from './secret-file.js';

/** Passcodes as a command of the shell gets them. */
export function passcodeSource({ config, ask }: CommandContext): PasscodeSource {
  const { passcodeFile, passcode } = config;
  return {
    given: async () => (passcodeFile === undefined ? passcode : readSecretFile(passcodeFile, 'passcode')),
    ...(ask && { ask: (question: string) => ask.hidden(question) }),
  };
}

/** What `--passcode`, `--passcode-file` and `--no-passcode` say. */
export function passcodeWish({ options }: Pick<CommandContext, 'options'>): PasscodeWish | undefined {
  if (options['passcode'] === false) return 'none';
  return options['passcode'] === true || options['passcodeFile'] !== undefined ? 'ask' : undefined;
}
