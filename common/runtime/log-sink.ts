import { closeSync, openSync, writeSync } from 'node:fs';

const STDERR_FD = 2;

export interface LogSinkOptions {
  /** Appended to; made with mode 0600. Default: standard error. */
  readonly file?: string | undefined;
  /** Told once when writing begins to fail, and again when it does after it had worked in between. */
  readonly onProblem: (error: Error) => void;
}

/**
 * Where log lines go. Writing never throws: a full disk or a closed pipe costs log lines, not the service.
 * Lines are written whole and at once, so that they are there after a crash.
 */
export class LogSink {
  #fd: number | undefined;
  #isFailing = false;
  #isLineOpen = false;
  #lost = 0;

  constructor(private readonly options: LogSinkOptions) {
    this.#open();
  }

  /** Appends `line`, which ends with a line feed. */
  write(line: string): void {
    if (this.#fd === undefined) this.#open();
    const lead = this.#isLineOpen ? '\n' : '';
    const note =
      this.#lost > 0 ? `${JSON.stringify({ level: 'warn', msg: 'log records lost', lost: this.#lost })}\n` : '';
    if (this.#append(`${lead}${note}${line}`)) this.#lost = 0;
    else this.#lost += 1;
  }

  close(): void {
    if (this.#fd !== undefined && this.#fd !== STDERR_FD) closeSync(this.#fd);
    this.#fd = undefined;
  }

  #open(): void {
    const { file } = this.options;
    try {
      this.#fd = file === undefined ? STDERR_FD : openSync(file, 'a', 0o600);
    } catch (error) {
      this.#fail(error);
    }
  }

  #append(text: string): boolean {
    if (this.#fd === undefined) return false;
    const bytes = Buffer.from(text);
    let done = 0;
    try {
      while (done < bytes.length) done += writeSync(this.#fd, bytes, done);
    } catch (error) {
      // A disk that filled up in the middle of a line must not make the next record part of it.
      if (done > 0) this.#isLineOpen = bytes[done - 1] !== 0x0a;
      this.#fail(error);
      return false;
    }
    this.#isFailing = false;
    this.#isLineOpen = false;
    return true;
  }

  #fail(error: unknown): void {
    if (this.#isFailing) return;
    this.#isFailing = true;
    this.options.onProblem(error instanceof Error ? error : new Error(String(error)));
  }
}
