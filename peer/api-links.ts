/** Links as `api.ts` shows them. */

/** A link without its token: that is shown once, when it is made. */
export interface LinkInfo {
  readonly linkId: string;
  readonly fileId: string;
  readonly name: string;
  /** ms since epoch, as the next three. */
  readonly createdAt: number;
  readonly notAfter: number;
  readonly revokedAt?: number;
  readonly lastUsedAt?: number;
  readonly uses: number;
  readonly sentBytes: number;
}

export interface MadeLink extends LinkInfo {
  readonly url: string;
  /** A whole command line that checks this peer's key. */
  readonly curl: string;
  readonly wget: string;
}
