/** User names are ASCII, so this is the whole of case folding. */
export function foldUser(user: string): string {
  return user.toLowerCase();
}
