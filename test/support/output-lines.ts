import { StringDecoder } from 'node:string_decoder';

/** One line of `--json` output. */
export interface JsonEvent {
  readonly event: string;
  readonly [field: string]: unknown;
}

/** Cuts a byte stream into lines, whole characters only, and keeps them all. */
export class OutputLines {
  readonly #decoder = new StringDecoder('utf8');
  readonly #lines: string[] = [];
  #rest = '';
  #taken = 0;

  get all(): readonly string[] {
    return this.#lines;
  }

  /** Everything so far, the unfinished last line included. */
  get text(): string {
    return this.#lines.map((line) => `${line}\n`).join('') + this.#rest;
  }

  push(bytes: Uint8Array): void {
    const parts = (this.#rest + this.#decoder.write(bytes)).split('\n');
    this.#rest = parts.pop() ?? '';
    this.#lines.push(...parts);
  }

  /** The next line that matches; it and the ones before it are not offered again. */
  take(matches: (line: string) => boolean): string | undefined {
    const index = this.#lines.findIndex((line, position) => position >= this.#taken && matches(line));
    if (index < 0) return undefined;
    this.#taken = index + 1;
    return this.#lines[index];
  }
}

/**
 * The events of lines printed under `--json`.
 * @throws {Error} when a line is not a JSON object with an `event`: that breaks the promise of `--json`.
 */
export function parseEvents(lines: readonly string[]): JsonEvent[] {
  return lines.map((line) => {
    const value = parseJson(line);
    if (!isEvent(value)) throw new Error(`--json printed a line that is no event: ${JSON.stringify(line)}`);
    return value;
  });
}

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch (error) {
    throw new Error(`--json printed a line that is not JSON: ${JSON.stringify(line)}`, { cause: error });
  }
}

function isEvent(value: unknown): value is JsonEvent {
  return typeof value === 'object' && value !== null && 'event' in value && typeof value.event === 'string';
}
