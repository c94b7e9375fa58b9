import type { SpanAnswer } from '../session-sink.js';
import type { SpanReceiver } from '../span-receiver.js';

/** The receiver counts chunks of its file, the scheduler those of the wave. */
export function shifted(receiver: SpanReceiver, by: number): SpanAnswer {
  return {
    get rest() {
      const { first, count } = receiver.rest;
      return { first: first + by, count };
    },
    get heldBytes() {
      return receiver.heldBytes;
    },
    get isAbandoned() {
      return receiver.isAbandoned;
    },
    abandon: () => receiver.abandon(),
    drop: () => receiver.drop(),
    onRun: (offset, bytes) => receiver.onRun(offset, bytes),
    onBytes: (bytes) => receiver.onBytes(bytes),
    onQueued: (answer) => receiver.onQueued(answer),
    onEnd: () => receiver.onEnd(),
    onError: (error) => receiver.onError(error),
  };
}
