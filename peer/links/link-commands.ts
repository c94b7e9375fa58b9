/** Lines that a person can paste into a shell to fetch a link, with the peer's key pinned. */

export interface LinkPlace {
  /** Address or name of the file port. */
  readonly host: string;
  readonly port: number;
  /** 64 hex digits. */
  readonly pin: string;
}

export interface LinkCommands {
  readonly url: string;
  readonly curl: string;
  readonly wget: string;
}

export function linkCommands(
  { host, port, pin }: LinkPlace,
  link: { fileId: string; name: string; token: string },
): LinkCommands {
  const authority = `${host.includes(':') ? `[${host}]` : host}:${port}`;
  const url = `https://${authority}/files/${link.fileId}?token=${encodeURIComponent(link.token)}`;
  const pinned = `'sha256//${Buffer.from(pin, 'hex').toString('base64')}'`;
  // `-k` alone would trust anybody: the pin is what proves the peer. A name that begins with "-" must not become an option.
  const file = quote(link.name.startsWith('-') ? `./${link.name}` : link.name);
  return {
    url,
    curl: `curl -k --pinnedpubkey ${pinned} -C - -o ${file} ${quote(url)}`,
    wget: `wget --no-check-certificate --pinnedpubkey=${pinned} -c -O ${file} ${quote(url)}`,
  };
}

/** One word for a POSIX shell, whatever it holds: names are chosen by others. */
function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
