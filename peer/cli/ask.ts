import { PeerError } from '../api.js';
import type { OutputStream } from './output.js';

/** The keyboard of a terminal. */
export interface Keyboard {
  setRawMode(isRaw: boolean): unknown;
  setEncoding(encoding: 'utf8'): unknown;
  resume(): unknown;
  pause(): unknown;
  on(event: 'data', listener: (text: string) => void): unknown;
  on(event: 'end', listener: () => void): unknown;
  off(event: 'data', listener: (text: string) => void): unknown;
  off(event: 'end', listener: () => void): unknown;
}

/** Longest answer in characters: a password is never longer, and a pasted file must not fill the memory. */
const MAX_ANSWER = 1_024;

/** Questions to the person at the terminal. Ctrl-C and Ctrl-D end them with `interrupted`; the terminal is as it was afterwards. */
export class Ask {
  constructor(
    private readonly keyboard: Keyboard,
    private readonly screen: OutputStream,
    private readonly signal: AbortSignal,
  ) {}

  /** The answer, shown while it is typed. */
  line(question: string): Promise<string> {
    return this.#read(question, true);
  }

  /** The answer, never shown. */
  hidden(question: string): Promise<string> {
    return this.#read(question, false);
  }

  /** Only a plain yes counts. */
  async yes(question: string): Promise<boolean> {
    return ['y', 'yes'].includes((await this.#read(`${question} [y/N] `, true)).trim().toLowerCase());
  }

  async #read(question: string, isShown: boolean): Promise<string> {
    this.signal.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    const interrupt = (): void => reject(new PeerError({ code: 'interrupted', message: '' }));
    const answer = new TypedAnswer({ echo: (text) => isShown && this.screen.write(text), done: resolve, interrupt });
    const onData = (text: string): void => answer.type(text);
    this.keyboard.setEncoding('utf8');
    this.keyboard.setRawMode(true);
    this.keyboard.on('data', onData);
    this.keyboard.on('end', interrupt);
    this.signal.addEventListener('abort', interrupt, { once: true });
    this.keyboard.resume();
    this.screen.write(question);
    try {
      return await promise;
    } finally {
      this.signal.removeEventListener('abort', interrupt);
      this.keyboard.off('data', onData);
      this.keyboard.off('end', interrupt);
      this.keyboard.pause();
      this.keyboard.setRawMode(false);
      this.screen.write('\n');
    }
  }
}

interface TypedAnswerEvents {
  readonly echo: (text: string) => void;
  readonly done: (answer: string) => void;
  readonly interrupt: () => void;
}

// Escape sequences (arrows and the like) are keys that mean nothing here.
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are the keys of a terminal
const KEYS = /\x1b(?:\[[0-?]*[ -/]*[@-~]|O.|.)?|[\s\S]/gu;

/** A line as its keys come in. */
class TypedAnswer {
  readonly #chars: string[] = [];

  constructor(private readonly events: TypedAnswerEvents) {}

  type(text: string): void {
    for (const [key] of text.matchAll(KEYS)) this.#press(key);
  }

  #press(key: string): void {
    if (key === '\r' || key === '\n') this.events.done(this.#chars.join(''));
    else if (key === '\x03' || (key === '\x04' && this.#chars.length === 0)) this.events.interrupt();
    else if (key === '\x7f' || key === '\b') this.#erase(1);
    else if (key === '\x15') this.#erase(this.#chars.length);
    else if (key >= ' ' && !/\p{Cc}/u.test(key) && this.#chars.length < MAX_ANSWER) this.#add(key);
  }

  #add(key: string): void {
    this.#chars.push(key);
    this.events.echo(key);
  }

  #erase(count: number): void {
    const erased = this.#chars.splice(this.#chars.length - count, count);
    this.events.echo('\b \b'.repeat(erased.length));
  }
}
