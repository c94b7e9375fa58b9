import { MAX_PASSWORD_BYTES } from './limits.js';

/** What forbids `password`, as a sentence; undefined when nothing does. */
export function checkPassword(password: string): string | undefined {
  if (password === '') return 'the password is empty.';
  if (Buffer.byteLength(password) > MAX_PASSWORD_BYTES)
    return `the password is longer than ${MAX_PASSWORD_BYTES} bytes.`;
  if (!password.isWellFormed() || /\p{Cc}/u.test(password))
    return 'the password holds characters that nobody can type.';
  return undefined;
}
