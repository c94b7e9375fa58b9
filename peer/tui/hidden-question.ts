/** Questions on the command line whose answers are not shown: one after the other, each with a line of its own to type in. */
import { type Editor, EMPTY_EDITOR, insertText, pressKey } from './editor.js';
import type { KeyStroke } from './keys.js';

/** What the screen shows in place of the command line. */
export interface Asking {
  /** Safe to show. */
  readonly question: string;
  readonly editor: Editor;
}

interface Open extends Asking {
  readonly answer: (text: string | undefined) => void;
}

export class HiddenQuestions {
  readonly #open: Open[] = [];

  constructor(private readonly onChange: () => void) {}

  get asking(): Asking | undefined {
    return this.#open[0];
  }

  /** The answer; undefined when the person escapes, or `signal` aborts. */
  ask(question: string, signal: AbortSignal): Promise<string | undefined> {
    const { promise, resolve } = Promise.withResolvers<string | undefined>();
    const onAbort = (): void => this.#settle(open, undefined);
    const answer = (text: string | undefined): void => {
      signal.removeEventListener('abort', onAbort);
      resolve(text);
    };
    const open: Open = { question, editor: EMPTY_EDITOR, answer };
    if (signal.aborted) return Promise.resolve(undefined);
    signal.addEventListener('abort', onAbort, { once: true });
    this.#open.push(open);
    this.onChange();
    return promise;
  }

  /** Takes a key while a question is open. False: there is none, or the key is not for it. */
  press(stroke: KeyStroke): boolean {
    const [open] = this.#open;
    if (open === undefined) return false;
    if (stroke.kind === 'text') this.#edit({ ...open, editor: insertText(open.editor, stroke.text) });
    else if (stroke.kind === 'edit') this.#edit({ ...open, editor: pressKey(open.editor, stroke.key) });
    else if (stroke.kind === 'enter') this.#settle(open, open.editor.text);
    else if (stroke.kind === 'escape' || stroke.kind === 'end-of-input') this.#settle(open, undefined);
    return true;
  }

  #edit(open: Open): void {
    this.#open[0] = open;
    this.onChange();
  }

  #settle({ answer }: Open, text: string | undefined): void {
    const index = this.#open.findIndex((open) => open.answer === answer);
    if (index < 0) return;
    this.#open.splice(index, 1);
    answer(text);
    this.onChange();
  }
}
