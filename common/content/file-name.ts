/**
 * Which names may be published, listed and written, for all three alike. A name is accepted or refused, never repaired: a silent
 * change would let two names meet in one file. Names only some systems cannot store are accepted here; `portableProblem` tells
 * where they cannot be written. `safe-display.ts` is the other half: how a name reaches a screen.
 */
import path from 'node:path';
import { ContentError } from './content-error.js';

/** Longest name, in bytes of UTF-8: what common file systems store. */
export const MAX_NAME_BYTES = 255;
/** Most parts of a path inside a folder: deeper ones pass the path limits of some systems. */
export const MAX_PATH_PARTS = 32;

/** Stable codes: add, never rename. */
export type NameProblemCode =
  | 'empty'
  | 'too-long'
  | 'too-deep'
  | 'dot-name'
  | 'separator'
  | 'control-character'
  | 'invisible-character'
  | 'unassigned-character'
  | 'lone-surrogate'
  | 'not-normalised'
  | 'outer-space'
  | 'user-name'
  | 'windows-character'
  | 'windows-device'
  | 'windows-ending';

export interface NameProblem {
  readonly code: NameProblemCode;
  /** A plain sentence that does not repeat the name. */
  readonly message: string;
}

/** The path rules of one system: `path.posix` or `path.win32`; by default those of this machine. */
export type PathRules = Pick<typeof path, 'join' | 'relative' | 'sep'>;

const MESSAGES: Record<NameProblemCode, string> = {
  empty: 'A name must not be empty.',
  'too-long': `A name must not be longer than ${MAX_NAME_BYTES} bytes.`,
  'too-deep': `A path must not have more than ${MAX_PATH_PARTS} parts.`,
  'dot-name': 'A name must not be "." or "..".',
  separator: 'A name must not contain "/" or "\\".',
  'control-character': 'A name must not contain control characters or line breaks.',
  'invisible-character': 'A name must not contain invisible or direction-changing characters.',
  'unassigned-character': 'A name must not contain characters that Unicode has not assigned.',
  'lone-surrogate': 'A name must be valid Unicode.',
  'not-normalised': 'A name must be in the Unicode form NFC.',
  'outer-space': 'A name must not begin or end with a space.',
  'user-name': 'A user name has 1 to 64 letters, digits, ".", "_" or "-" and begins with a letter or digit.',
  'windows-character': 'Windows cannot store a name with one of < > : " | ? *.',
  'windows-device': 'Windows keeps this name for a device.',
  'windows-ending': 'Windows cannot store a name that ends with a dot or a space.',
};

// Line and paragraph separator break a line on screens and in logs as control characters do.
const CONTROL = /[\p{Cc}\p{Zl}\p{Zp}]/u;
// Cf holds the bidi controls; Default_Ignorable adds what shows as nothing (fillers, variation selectors): twins of another's name.
const INVISIBLE = /[\p{Cf}\p{Default_Ignorable_Code_Point}]/u;
const UNASSIGNED = /[\p{Co}\p{Cn}]/u;
const OUTER_SPACE = /^\p{Zs}|\p{Zs}$/u;
/** Most names: nothing of the rules below can apply to them, so they are told with one look. */
const PLAIN = /^[!-.0-[\]-~](?:[ -.0-[\]-~]{0,253}[!-.0-[\]-~])?$/;
const USER_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
const WINDOWS_CHARACTER = /[<>:"|?*]/;
// Windows reads digits out of superscripts, and a device is one with any extension too, also after spaces.
const WINDOWS_DEVICE = /^(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9\u00b9\u00b2\u00b3])\p{Zs}*(?:\.|$)/iu;
const WINDOWS_ENDING = /[. ]$/;

/** What forbids `name` as the name of a publication or of one file, or `undefined` when nothing does. */
export function checkFileName(name: string): NameProblem | undefined {
  if (PLAIN.test(name) && name !== '.' && name !== '..') return undefined;
  if (name === '') return problem('empty');
  // No name of at most 255 bytes has more UTF-16 units: a megabyte is refused before anything costly looks at it.
  if (name.length > MAX_NAME_BYTES) return problem('too-long');
  if (!name.isWellFormed()) return problem('lone-surrogate');
  if (Buffer.byteLength(name) > MAX_NAME_BYTES) return problem('too-long');
  if (name === '.' || name === '..') return problem('dot-name');
  if (/[/\\]/.test(name)) return problem('separator');
  if (CONTROL.test(name)) return problem('control-character');
  if (INVISIBLE.test(name)) return problem('invisible-character');
  if (UNASSIGNED.test(name)) return problem('unassigned-character');
  if (OUTER_SPACE.test(name)) return problem('outer-space');
  if (name.normalize('NFC') !== name) return problem('not-normalised');
  return undefined;
}

/** As `checkFileName`, for a path inside a folder: parts joined by "/", each a good name; never absolute. */
export function checkRelativePath(relativePath: string): NameProblem | undefined {
  if (relativePath.length > MAX_PATH_PARTS * (MAX_NAME_BYTES + 1)) return problem('too-long');
  const parts = relativePath.split('/');
  if (parts.length > MAX_PATH_PARTS) return problem('too-deep');
  for (const part of parts) {
    const found = checkFileName(part);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Why `platform` cannot store a file of this name, although it may be published. `name` has passed `checkFileName`. */
export function portableProblem(name: string, platform: NodeJS.Platform): NameProblem | undefined {
  if (platform !== 'win32') return undefined;
  if (WINDOWS_CHARACTER.test(name)) return problem('windows-character');
  if (WINDOWS_DEVICE.test(name)) return problem('windows-device');
  if (WINDOWS_ENDING.test(name)) return problem('windows-ending');
  return undefined;
}

export function checkUserName(name: string): NameProblem | undefined {
  return USER_NAME.test(name) ? undefined : problem('user-name');
}

/** Two names are one file on a system that ignores case when their folded forms are equal. */
export function foldName(name: string): string {
  // Upper case first: "ß" and "SS", "ς" and "Σ" differ in lower case only.
  return name.toUpperCase().toLowerCase().normalize('NFC');
}

/**
 * The path of `name` directly in the folder `dir`.
 * @throws {ContentError} `bad-name` when the name is refused or would leave the folder.
 */
export function safeJoin(dir: string, name: string, rules: PathRules = path): string {
  return joinInside(dir, name, { found: checkFileName(name), rules });
}

/** As `safeJoin`, for a "/"-separated path inside a folder. */
export function safeJoinPath(dir: string, relativePath: string, rules: PathRules = path): string {
  return joinInside(dir, relativePath, { found: checkRelativePath(relativePath), rules });
}

function joinInside(
  dir: string,
  relativePath: string,
  check: { found: NameProblem | undefined; rules: PathRules },
): string {
  const { found, rules } = check;
  if (found !== undefined) throw new ContentError('bad-name', found.message);
  const joined = rules.join(dir, relativePath);
  // Behind the name rules, so that a gap in them still cannot leave the folder.
  if (rules.relative(dir, joined) !== relativePath.split('/').join(rules.sep)) {
    throw new ContentError('bad-name', `This name would be stored outside ${dir}.`);
  }
  return joined;
}

function problem(code: NameProblemCode): NameProblem {
  return { code, message: MESSAGES[code] };
}
