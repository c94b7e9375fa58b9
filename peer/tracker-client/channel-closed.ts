/** The way to the tracker ended before the reply came; the request may or may not have been applied. */
export class ChannelClosed extends Error {
  override readonly name = 'ChannelClosed';
  constructor() {
    super('the connection to the tracker closed');
  }
}
