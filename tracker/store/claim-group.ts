/** Claims of serving slots that wait together share one statement: when a node dies, thousands of peers come to another at once. */
import { foldUser } from './fold-user.js';

export interface SlotClaim {
  readonly user: string;
  readonly session: string;
  readonly node: string;
}

interface Waiting extends PromiseWithResolvers<number | undefined> {
  readonly slot: SlotClaim;
  readonly fold: string;
}

const MAX_GROUP = 500;

/** Numbers of the slots that were taken, by user, folded. All are of one node and of different users. */
type Take = (slots: ReadonlyMap<string, SlotClaim>) => Promise<ReadonlyMap<string, number>>;

export class ClaimGroup {
  #waiting: Waiting[] = [];
  #isRunning = false;

  constructor(private readonly take: Take) {}

  claim(slot: SlotClaim): Promise<number | undefined> {
    const waiting = { ...Promise.withResolvers<number | undefined>(), slot, fold: foldUser(slot.user) };
    this.#waiting.push(waiting);
    if (!this.#isRunning) void this.#run();
    return waiting.promise;
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    while (this.#waiting.length > 0) {
      const group = this.#next();
      try {
        const claims = await this.take(new Map([...group].map(([fold, { slot }]) => [fold, slot])));
        for (const [fold, { resolve }] of group) resolve(claims.get(fold));
      } catch (error) {
        for (const { reject } of group.values()) reject(error);
      }
    }
    this.#isRunning = false;
  }

  /** A second claim of a user waits for the next turn: it may be for another session. So does one of another name of this node. */
  #next(): Map<string, Waiting> {
    const group = new Map<string, Waiting>();
    const node = this.#waiting[0]?.slot.node;
    this.#waiting = this.#waiting.filter((one) => {
      if (group.size === MAX_GROUP || group.has(one.fold) || one.slot.node !== node) return true;
      group.set(one.fold, one);
      return false;
    });
    return group;
  }
}
