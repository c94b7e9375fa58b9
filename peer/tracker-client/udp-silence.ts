/** No answer came over UDP: lost, blocked, or nobody there. TCP is next. */
export class UdpSilence extends Error {
  override readonly name = 'UdpSilence';
  constructor() {
    super('the tracker does not answer over UDP');
  }
}
