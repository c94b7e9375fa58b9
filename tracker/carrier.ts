/** What a handler may know of the transport that brought a request. */
export interface Address {
  /** An IP address as text, IPv4 in its own form. */
  readonly host: string;
  readonly port: number;
}

export interface Carrier {
  readonly kind: 'tcp' | 'udp';
  readonly from: Address;
  /** Most bytes of JSON that a reply may have. */
  readonly maxReplyBytes: number;
}
