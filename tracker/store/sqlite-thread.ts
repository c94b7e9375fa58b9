/** The store's own thread: disk and SQL stay off the event loop that answers datagrams. Talks to `sqlite-store.ts` alone. */
import { parentPort, workerData } from 'node:worker_threads';
import { DiskReserve } from './disk-reserve.js';
import { GroupCommit } from './group-commit.js';
import { type EngineOptions, openEngine } from './sqlite-engine.js';
import { fromSqlite, type StoreError } from './store-error.js';
import { type AnyMethods, isRemoval, WRITES } from './store-methods.js';
import type { AnswerMessage, CallMessage } from './store-thread.js';

/** What it answers may be long, and is kept as JSON anyway. */
const ANSWERED_AS_JSON = 'mutate';

if (parentPort !== null) serve(parentPort, workerData as EngineOptions);

function serve(port: NonNullable<typeof parentPort>, options: EngineOptions): void {
  let answers: AnswerMessage[] = [];
  const answer = (message: AnswerMessage): void => void answers.push(message);
  const flush = (): void => {
    if (answers.length > 0) port.postMessage(answers);
    answers = [];
  };
  const fail = (id: number, { code, message }: StoreError): void => answer({ id, error: { code, message } });
  try {
    const engine = openEngine(options);
    const methods = engine.methods as unknown as AnyMethods;
    const reserve = new DiskReserve(options.path, { growthBytes: () => engine.guard.growthBytes() });
    const keeps = options.shouldVerify === true; // a command beside a tracker leaves that to the tracker
    if (keeps) reserve.keep();
    const queue = new GroupCommit(engine.database, {
      onAnswered: flush,
      beforeCommit: () => engine.names.takeIn(),
      afterCommit: () => {
        engine.guard.afterCommit();
        if (!keeps) return;
        reserve.keep();
        if (reserve.isShort) engine.guard.empty(); // the log must not eat what is left
      },
      reserve: {
        get isShort() {
          return keeps && reserve.isShort;
        },
        release: () => {
          const isReleased = reserve.release();
          return engine.guard.empty() || isReleased;
        },
        restore: () => reserve.restore(),
      },
    });
    const takeCall = ({ id, method, args }: CallMessage): void =>
      queue.push({
        isWrite: WRITES.has(method) || method === 'close',
        isRemoval: isRemoval(method, args) || method === 'close',
        run: async () => methods[method]?.(...args), // `close` changes nothing by itself
        resolve: (value) => {
          answer(method === ANSWERED_AS_JSON ? { id, json: JSON.stringify(value) } : { id, value });
          if (method !== 'close') return;
          flush();
          engine.close();
          port.close();
        },
        reject: (error) => fail(id, error),
      });
    port.on('message', (calls: readonly CallMessage[]) => {
      for (const call of calls) takeCall(call);
    });
    answer({ id: 0, value: engine.notices });
  } catch (error) {
    fail(0, fromSqlite(error));
    flush();
    port.close();
  }
  flush();
}
