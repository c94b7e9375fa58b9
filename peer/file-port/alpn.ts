/** The lanes of the file port, see docs/protocol.md "Peer lane" and "Link lane". */
export const ALPN_PEER = 'shoal-peer/1';
export const ALPN_HTTP = 'http/1.1';
