/** Where the tracker can be met: the address that was given, and the nodes that it has told of. One of them is the present one. */
export interface NodeAddress {
  readonly host: string;
  readonly port: number;
}

/** One try to take the session up may last so long, ms, where there are others to ask: at the node that had it, and at another. */
const SAME_NODE_MS = 700;
const OTHER_NODE_MS = 1_500;
/** Pause between tries at different nodes, ms. */
const NEXT_NODE_MS = 50;

export class TrackerNodes {
  #known: readonly NodeAddress[];
  #present: NodeAddress;
  /** The present one says that it will be gone. */
  #isLeaving = false;

  constructor(private readonly given: NodeAddress) {
    this.#present = given;
    this.#known = [given];
  }

  get present(): NodeAddress {
    return this.#present;
  }

  get hasOthers(): boolean {
    return this.#known.length > 1;
  }

  /** As a node tells it; where this one was met stays known, as others may reach it by another name. */
  learn(nodes: readonly NodeAddress[] | undefined): void {
    if (nodes === undefined) return;
    const all = [this.#present, ...nodes, this.given];
    this.#known = all.filter((one, index) => all.findIndex((other) => isSame(one, other)) === index);
  }

  leave(): void {
    this.#isLeaving = true;
  }

  /** Which node the next try goes to, and how long it may last; `tries` counts from 0. */
  choose(tries: number): { readonly node: NodeAddress; readonly limitMs: number | undefined } {
    const isToMove = this.hasOthers && (tries > 0 || this.#isLeaving);
    this.#isLeaving = false;
    if (isToMove) {
      const at = this.#known.findIndex((one) => isSame(one, this.#present));
      this.#present = this.#known[(at + 1) % this.#known.length] ?? this.given;
    }
    if (!this.hasOthers) return { node: this.#present, limitMs: undefined };
    return { node: this.#present, limitMs: isToMove ? OTHER_NODE_MS : SAME_NODE_MS };
  }

  /** How often every node has been tried, and what to wait, ms, where there is another one to try first. */
  roundOf(tries: number): { readonly round: number; readonly waitMs: number | undefined } {
    const isRoundOver = (tries + 1) % this.#known.length === 0;
    return { round: Math.floor(tries / this.#known.length), waitMs: isRoundOver ? undefined : NEXT_NODE_MS };
  }
}

function isSame(a: NodeAddress, b: NodeAddress): boolean {
  return a.host === b.host && a.port === b.port;
}
