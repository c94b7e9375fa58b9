/**
 * The terminal as Ink sees it: every frame leaves in one write, and after a resize the next frame is drawn from the top corner, line
 * by line, without erasing the display. Ink marks the borders of a frame with the synchronized-update sequences.
 */
import { EventEmitter } from 'node:events';
import type { WriteStream } from 'node:tty';
import type { ScreenSize } from './main-state.js';

const BEGIN_FRAME = '\x1b[?2026h';
const END_FRAME = '\x1b[?2026l';
const HOME = '\x1b[H';
const ERASE_LINE = '\x1b[2K';
const ERASE_BELOW = '\x1b[J';
const ENTER_SCREEN = '\x1b[?1049h';
const LEAVE_SCREEN = '\x1b[?1049l';
const HIDE_CURSOR = '\x1b[?25l';
const SHOW_CURSOR = '\x1b[?25h';
const DEFAULT_SIZE: ScreenSize = { columns: 80, rows: 24 };

export class FrameOutput extends EventEmitter {
  readonly isTTY = true;
  #frame: string | undefined;
  #isMuted = false;
  /** The first frame, too: the cursor may stand anywhere when the screen is taken. */
  #isRepainting = true;
  #isScreenTaken = false;
  /** The screen shows what Ink is about to draw first. */
  #isFirstFrameDrawn = false;
  #size: ScreenSize;

  constructor(private readonly terminal: WriteStream) {
    super();
    this.#size = sizeOf(terminal);
  }

  get size(): ScreenSize {
    return this.#size;
  }

  get columns(): number {
    return this.#size.columns;
  }

  get rows(): number {
    return this.#size.rows;
  }

  get writable(): boolean {
    return this.terminal.writable;
  }

  get destroyed(): boolean {
    return this.terminal.destroyed;
  }

  get writableEnded(): boolean {
    return this.terminal.writableEnded;
  }

  write(data: string, done?: () => void): boolean {
    if (this.#isMuted || this.#isDoneAlready(data) || !this.terminal.writable) {
      done?.();
      return true;
    }
    if (data === BEGIN_FRAME) this.#frame = '';
    else if (data === END_FRAME && this.#frame !== undefined) this.#flush(this.#frame);
    else if (this.#frame !== undefined) this.#frame += data;
    else {
      if (data === LEAVE_SCREEN) this.#isScreenTaken = false;
      return this.terminal.write(data, done);
    }
    done?.();
    return true;
  }

  /** Goes to the alternate screen and draws there the frame with which Ink will begin; Ink's own is not drawn again. */
  takeScreen(frame: string): void {
    this.#isScreenTaken = true;
    this.#isFirstFrameDrawn = true;
    this.terminal.write(BEGIN_FRAME + ENTER_SCREEN + frame + END_FRAME);
  }

  /** Leaves the alternate screen when nobody did. */
  releaseScreen(): void {
    if (this.#isScreenTaken && this.terminal.writable) this.terminal.write(LEAVE_SCREEN + SHOW_CURSOR);
    this.#isScreenTaken = false;
  }

  /**
   * Takes over the terminal's new size. `layOut` makes Ink lay the screen out for it; what Ink writes meanwhile is relative to a screen
   * that is no longer there, so it is dropped, and the frame after it is a whole one.
   */
  adoptSize(layOut: () => void): void {
    this.#isMuted = true;
    this.#size = sizeOf(this.terminal);
    layOut();
    this.#isMuted = false;
    this.#isRepainting = true;
    this.emit('resize');
  }

  #flush(frame: string): void {
    this.#frame = undefined;
    if (!this.#isFirstFrameDrawn)
      this.terminal.write(BEGIN_FRAME + (this.#isRepainting ? fromTheTop(frame) : frame) + END_FRAME);
    this.#isRepainting = false;
    this.#isFirstFrameDrawn = false;
  }

  /** Entering the alternate screen again would clear it; and the cursor stands where the first frame left it. */
  #isDoneAlready(data: string): boolean {
    if (data === ENTER_SCREEN) return this.#isScreenTaken;
    return data === HIDE_CURSOR && this.#isFirstFrameDrawn && this.#frame === undefined;
  }
}

function sizeOf({ columns, rows }: WriteStream): ScreenSize {
  return { columns: columns || DEFAULT_SIZE.columns, rows: rows || DEFAULT_SIZE.rows };
}

/** Each line is erased before it is written: erasing its rest afterwards would take the last cell of a full line. */
function fromTheTop(frame: string): string {
  const lines = frame.split('\n');
  const last = lines.pop() ?? '';
  return `${HOME}${lines.map((line) => `${ERASE_LINE}${line}\r\n`).join('')}${ERASE_BELOW}${last}`;
}
