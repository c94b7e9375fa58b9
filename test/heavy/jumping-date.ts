/** Loaded into a program before it starts: its wall clock is ahead by what a file says, which a test may change at any time. */
import { readFileSync } from 'node:fs';

const LOOK_EVERY_MS = 20;

const path = process.env['JUMPING_DATE'] ?? '';
const RealDate = Date;
let offsetMs = 0;
let lookedAt = -Infinity;

function offset(): number {
  const now = performance.now();
  if (now - lookedAt < LOOK_EVERY_MS) return offsetMs;
  lookedAt = now;
  offsetMs = Number(readFileSync(path, 'utf8'));
  return offsetMs;
}

class JumpingDate extends RealDate {
  constructor(...args: readonly unknown[]) {
    if (args.length === 0) super(JumpingDate.now());
    else super(...(args as [number]));
  }
  static override now(): number {
    return RealDate.now() + offset();
  }
}

globalThis.Date = JumpingDate as DateConstructor;
