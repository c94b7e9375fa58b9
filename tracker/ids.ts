import { nanoid } from 'nanoid';

/** 21 random characters of `A–Z a–z 0–9 _ -`: tickets, events. */
export function newId(): string {
  return nanoid();
}

/** As ASCII orders them. */
const DIGITS = '-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz';
/** 42 bits of ms since epoch, 12 bits for those of the same ms; the rest is random. */
const TIME_DIGITS = 7;
const STEP_DIGITS = 2;
const STEPS = DIGITS.length ** STEP_DIGITS;
const RANDOM_DIGITS = 12;

let lastMs = 0;
let lastStep = 0;
let time = '';

/**
 * Like `newId`, but later ones stand behind earlier ones of this process: an index of them grows at its end, and what was published in one
 * moment is listed in its order. Attacker: who sees ids knows about when they were made, which `publishedAt` says anyway; the steps are of
 * random width, so they do not count what is hidden.
 */
export function newPublicationId(nowMs: number): string {
  const ms = Math.floor(nowMs);
  const random = nanoid(RANDOM_DIGITS);
  lastStep += 1 + (random.charCodeAt(0) % 3);
  const isOver = lastStep >= STEPS;
  if (ms > lastMs || isOver) {
    lastMs = Math.max(ms, isOver ? lastMs + 1 : lastMs);
    lastStep = random.charCodeAt(1) % DIGITS.length;
    time = digits(lastMs, TIME_DIGITS);
  }
  return time + digits(lastStep, STEP_DIGITS) + random;
}

function digits(value: number, count: number): string {
  let text = '';
  for (let rest = value; text.length < count; rest = Math.floor(rest / DIGITS.length))
    text = DIGITS.charAt(rest % DIGITS.length) + text;
  return text;
}
