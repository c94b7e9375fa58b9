declare module 'fernet' {
  class Secret {
    /** 32 bytes as URL-safe base64. */
    constructor(secret64: string);
  }

  class Token {
    /** `ttl` 0: the timestamp is not judged. */
    constructor(options: { readonly secret: Secret; readonly token?: string; readonly ttl?: number });
    encode(message: string): string;
    /** Throws when the token's MAC is wrong. */
    decode(): string;
  }

  const fernet: { readonly Secret: typeof Secret; readonly Token: typeof Token };
  export = fernet;
}
