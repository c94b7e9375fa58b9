/** Stable codes of everything that can be wrong with content, names and files: add, never rename. */
export type ContentErrorCode =
  | 'bad-id'
  | 'bad-listing'
  | 'bad-manifest'
  | 'bad-name'
  | 'bad-size'
  | 'changed-while-hashing'
  | 'chunk-mismatch'
  | 'is-directory'
  | 'not-a-file'
  | 'not-found'
  | 'symlink'
  | 'too-large'
  | 'unreadable';

/** Content, a name or a file is not what it has to be. Callers branch on `code`; the message is for people. */
export class ContentError extends Error {
  override readonly name = 'ContentError';

  constructor(
    readonly code: ContentErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
