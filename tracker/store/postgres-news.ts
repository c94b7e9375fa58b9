/**
 * Hears NOTIFY over a connection of its own, so that nodes need not wait for their next look. Nothing depends on it: where the server
 * has no LISTEN, or the connection is lost for a while, they look as often as ever.
 */
import { Client } from 'pg';
import type { Part } from '../../common/runtime/lifecycle.js';
import { RepeatingTask } from '../../common/runtime/repeating-task.js';
import { configOf } from './postgres-connections.js';
import { NEWS_CHANNEL } from './postgres-migrations.js';

/** So often the connection is looked at, ms, and made anew when it is lost: one that was cut in silence hears nothing. */
const LOOK_MS = 5_000;
const ANSWER_MS = 2_000;

export class PostgresNews implements Part {
  readonly #task = new RepeatingTask(() => this.#look(), {
    intervalMs: LOOK_MS,
    onError: () => undefined, // it is slower without; who reads and writes says what is wrong with the database
    isEager: true,
  });
  #client: Client | undefined;

  constructor(
    private readonly url: string,
    private readonly onNews: (from: string | undefined) => void,
  ) {
    this.#task.start();
  }

  async stop(): Promise<void> {
    this.#drop(); // first: whoever waits for its answer waits no more
    await this.#task.stop();
    this.#drop();
  }

  async #look(): Promise<void> {
    try {
      await (this.#client === undefined ? this.#open() : this.#client.query('SELECT 1'));
    } catch (error) {
      this.#drop();
      throw error;
    }
  }

  async #open(): Promise<void> {
    const client = new Client({ ...configOf(this.url), query_timeout: ANSWER_MS });
    this.#client = client;
    client.on('error', () => {
      if (this.#client === client) this.#client = undefined;
    });
    client.on('notification', ({ payload }) => this.onNews(payload || undefined));
    await client.connect();
    await client.query(`LISTEN ${NEWS_CHANNEL}`);
    this.onNews(undefined); // of what came before it
  }

  #drop(): void {
    void this.#client?.end().catch(() => undefined); // not waited for: one that is cut off does not say goodbye
    this.#client = undefined;
  }
}
