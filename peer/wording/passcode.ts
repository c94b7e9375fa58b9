/** How a passcode comes to the peer: from a file or the environment, or from the person at the terminal, who is asked without echo. */
import { safeDisplay } from '../../common/content/safe-display.js';
import { PeerError, type Terms } from '../api.js';

export interface PasscodeSource {
  /** What a script has given; undefined: nothing. */
  given(): Promise<string | undefined>;
  /** Asks, without showing what is typed; undefined when the person does not want to. Absent where nobody can be asked. */
  readonly ask?: (question: string) => Promise<string | undefined>;
}

/** A person mistypes; whoever guesses is slowed down by the tracker. */
const MAX_QUESTIONS = 3;
const MAX_BYTES = 128;

/** Runs `use` without a passcode, and again with one for as long as one is asked for. @throws what `use` throws last. */
export async function withPasscode<T>(
  use: (passcode: string | undefined) => Promise<T>,
  { what, source }: { readonly what: string; readonly source: PasscodeSource },
): Promise<T> {
  const answers = passcodes(what, source);
  for (let passcode: string | undefined; ; ) {
    try {
      return await use(passcode);
    } catch (error) {
      if (!isAboutPasscode(error)) throw error;
      const next = await answers.next();
      if (next.done === true) throw error;
      passcode = next.value;
    }
  }
}

async function* passcodes(what: string, { given, ask }: PasscodeSource): AsyncGenerator<string, void> {
  const first = await given();
  if (first !== undefined) yield first;
  for (let asked = 0; ask !== undefined && asked < MAX_QUESTIONS; asked += 1) {
    const answer = await ask(
      `${asked === 0 ? 'Passcode' : 'Wrong. Passcode'} of ${safeDisplay(what, { maxCells: 40 })}: `,
    );
    if (answer === undefined || answer === '') return;
    yield answer;
  }
}

function isAboutPasscode(error: unknown): boolean {
  return error instanceof PeerError && (error.code === 'passcode-needed' || error.code === 'wrong-passcode');
}

/** `ask`: one is to be set; `none`: taken away. */
export type PasscodeWish = 'ask' | 'none';

/** Terms with the passcode that is wished for: asked twice, since nobody sees what is typed. @throws {PeerError} `usage`, `interrupted`. */
export async function withNewPasscode(
  terms: Terms | undefined,
  wish: PasscodeWish | undefined,
  source: PasscodeSource,
): Promise<Terms | undefined> {
  if (wish === undefined) return terms;
  return { ...terms, passcode: wish === 'none' ? null : await newPasscode(source) };
}

async function newPasscode({ given, ask }: PasscodeSource): Promise<string> {
  const first = await given();
  if (first !== undefined) return checked(first);
  if (ask === undefined)
    throw usage('Give the passcode with --passcode-file FILE or SHOAL_PASSCODE; nobody can be asked here.');
  const typed = await ask('New passcode: ');
  if (typed === undefined || typed === '')
    throw new PeerError({ code: 'interrupted', message: 'No passcode, so nothing was done.' });
  checked(typed);
  if ((await ask('The same again: ')) !== typed) throw usage('The two are not the same, so nothing was done.');
  return typed;
}

function checked(passcode: string): string {
  const isUsable = passcode !== '' && !/\p{Cc}/u.test(passcode) && passcode.isWellFormed();
  if (isUsable && Buffer.byteLength(passcode) <= MAX_BYTES) return passcode;
  throw usage(`A passcode has 1 to ${MAX_BYTES} bytes and no control characters.`);
}

function usage(message: string): PeerError {
  return new PeerError({ code: 'usage', message });
}
