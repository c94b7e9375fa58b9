const NEWLINE = 0x0a;

/** A line passed its byte cap; the connection is of no use any more. */
export class LineTooLongError extends Error {
  override readonly name = 'LineTooLongError';
  constructor(readonly maxBytes: number) {
    super(`a line is longer than ${maxBytes} bytes`);
  }
}

/** Cuts a stream of bytes into lines of UTF-8. Bytes are counted, and refused at the cap, before anything is decoded. */
export class LineSplitter {
  #pieces: Buffer[] = [];
  #heldBytes = 0;

  constructor(private readonly maxBytes: number) {}

  /** The lines that `bytes` completes, without their ends. @throws {LineTooLongError} at once, not at the end of the line. */
  push(bytes: Buffer): string[] {
    const lines: string[] = [];
    let start = 0;
    for (let end = bytes.indexOf(NEWLINE); end !== -1; end = bytes.indexOf(NEWLINE, start)) {
      this.#hold(bytes.subarray(start, end));
      lines.push(this.#take());
      start = end + 1;
    }
    this.#hold(bytes.subarray(start));
    return lines;
  }

  #hold(piece: Buffer): void {
    if (this.#heldBytes + piece.length > this.maxBytes) throw new LineTooLongError(this.maxBytes);
    if (piece.length === 0) return;
    this.#pieces.push(piece);
    this.#heldBytes += piece.length;
  }

  #take(): string {
    const line = Buffer.concat(this.#pieces, this.#heldBytes).toString('utf8');
    this.#pieces = [];
    this.#heldBytes = 0;
    return line;
  }
}
