import type { Clock, Timer } from '../../common/runtime/clock.js';

interface Event {
  readonly at: number;
  /** Events of one moment run in the order in which they were planned. */
  readonly order: number;
  readonly run: () => void;
}

/** A virtual clock for millions of events: a heap, and no promises. */
export class EventQueue implements Clock {
  readonly #heap: Event[] = [];
  #now = 0;
  #planned = 0;

  now(): number {
    return this.#now;
  }

  monotonic(): number {
    return this.#now;
  }

  setTimer(fn: () => void, ms: number): Timer {
    let isWanted = true;
    this.after(ms, () => isWanted && fn());
    return {
      cancel: () => {
        isWanted = false;
      },
      unref: () => undefined,
    };
  }

  after(ms: number, run: () => void): void {
    this.at(this.#now + ms, run);
  }

  at(at: number, run: () => void): void {
    this.#planned += 1;
    this.#push({ at, order: this.#planned, run });
  }

  /** Runs one event after the other until none is left, `isOver` says so, or `untilMs` is reached. */
  run(isOver: () => boolean, untilMs: number): void {
    for (let event = this.#heap[0]; event !== undefined && event.at <= untilMs && !isOver(); event = this.#heap[0]) {
      this.#pop();
      this.#now = event.at;
      event.run();
    }
  }

  #push(event: Event): void {
    const heap = this.#heap;
    let place = heap.push(event) - 1;
    while (place > 0) {
      const parent = (place - 1) >> 1;
      if (!isBefore(event, heap[parent] as Event)) break;
      heap[place] = heap[parent] as Event;
      place = parent;
    }
    heap[place] = event;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop() as Event;
    if (heap.length === 0) return;
    let place = 0;
    for (;;) {
      let child = 2 * place + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1] as Event, heap[child] as Event)) child += 1;
      if (!isBefore(heap[child] as Event, last)) break;
      heap[place] = heap[child] as Event;
      place = child;
    }
    heap[place] = last;
  }
}

function isBefore(a: Event, b: Event): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}
