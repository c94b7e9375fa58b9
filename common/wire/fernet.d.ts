declare module 'fernet' {
  class Secret {
    /** 32 bytes as URL-safe base64. */
    constructor(secret64: string);
  }

  class Token {
    constructor(options: { readonly secret: Secret });
    encode(message: string): string;
  }

  const fernet: { readonly Secret: typeof Secret; readonly Token: typeof Token };
  export = fernet;
}
