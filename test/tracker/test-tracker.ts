/** A tracker inside the test: real store, real sockets, a clock that the test may turn, passwords compared without argon2. */
import { createHash } from 'node:crypto';
import { type Clock, systemClock } from '../../common/runtime/clock.js';
import { silentLog } from '../../common/runtime/log.js';
import { type Identity, loadOrCreateIdentity } from '../../common/wire/identity.js';
import { openLogin } from '../../common/wire/sealed-login.js';
import type { PasswordHasher } from '../../tracker/auth/crypto-process.js';
import type { DefaultLimits } from '../../tracker/policy/policy.js';
import { openSqliteStore } from '../../tracker/store/sqlite-store.js';
import type { Store } from '../../tracker/store/store.js';
import { startTracker, type Tracker } from '../../tracker/tracker.js';
import { type TempDir, tempDir } from '../support/temp.js';
import type { Place } from './raw-client.js';
import { RawTcp, RawUdp } from './raw-client.js';
import { loginOf, type RawGrant, type RawReply, type RawRequest, type RawUser, userOf } from './raw-messages.js';
import { quickPasscodeHash } from './raw-passcode.js';

export interface TestTrackerOptions {
  readonly clock?: Clock;
  readonly users?: readonly string[];
  readonly hasher?: PasswordHasher;
  readonly advertise?: string;
  readonly quota?: number;
  readonly limits?: Partial<DefaultLimits>;
  /** Comes between the tracker and its store. */
  readonly wrapStore?: (store: Store) => Store;
  readonly putQuotaBytes?: number;
  /** A database that it shares with other nodes of one tracker, whose keys it has. */
  readonly postgres?: { readonly url: string; readonly identity: Identity };
}

const hashOf = (password: string): string => createHash('sha256').update(password).digest('hex');

/** Counts what it is asked, and answers at once. */
export class QuickHasher implements PasswordHasher {
  verified = 0;
  async hash(password: string): Promise<string> {
    return hashOf(password);
  }
  async verify(password: string, phc: string): Promise<boolean> {
    this.verified += 1;
    return hashOf(password) === phc || quickPasscodeHash(password) === phc;
  }
  refuseWhenFull(): void {
    // it has room for all
  }
  async stop(): Promise<void> {
    await Promise.resolve();
  }
}

export class TestTracker implements AsyncDisposable {
  tracker!: Tracker;
  store!: Store;
  port = 0;
  readonly #clients: AsyncDisposable[] = [];

  private constructor(
    readonly dir: TempDir,
    readonly identity: Identity,
    readonly hasher: PasswordHasher,
    private readonly options: TestTrackerOptions,
  ) {}

  static async start(options: TestTrackerOptions = {}): Promise<TestTracker> {
    const dir = await tempDir();
    const identity =
      options.postgres?.identity ?? (await loadOrCreateIdentity(dir.join('identity.pem'), { commonName: 'test' }));
    const started = new TestTracker(dir, identity, options.hasher ?? new QuickHasher(), options);
    await started.open();
    for (const user of options.users ?? ['alice', 'bob']) await started.addUser(user);
    return started;
  }

  /** After `close`: the same data on the same port, as after a restart. */
  async open(): Promise<void> {
    const { clock = systemClock, advertise, quota, putQuotaBytes, limits, wrapStore = (store) => store } = this.options;
    this.store = wrapStore(await this.#openStore());
    this.tracker = await startTracker(
      {
        store: this.store,
        hasher: this.hasher,
        openLogin,
        identity: this.identity,
        sealKey: Buffer.alloc(32, 7),
        host: '127.0.0.1',
        port: this.port,
        clock,
        log: silentLog,
        advertise,
        putQuotaBytes,
        limits: { ...limits, ...(quota === undefined ? {} : { publications: quota }) },
        status: { host: '127.0.0.1', port: 0 },
      },
      { signal: new AbortController().signal },
    );
    this.port = this.tracker.port;
  }

  async #openStore(): Promise<Store> {
    const { postgres } = this.options;
    if (postgres === undefined) return openSqliteStore({ path: this.storePath, isTracker: true });
    return (await import('../../tracker/store/postgres-store.js')).openPostgresStore(postgres.url);
  }

  get storePath(): string {
    return this.dir.join('data', 'tracker.sqlite');
  }

  async close(): Promise<void> {
    await this.tracker.stop();
    await this.store.close();
  }

  async addUser(user: string): Promise<void> {
    await this.store.addAccounts([
      { user, passwordHash: await this.hasher.hash(userOf(user).password), at: Date.now() },
    ]);
  }

  async grantAdmin(user: string): Promise<void> {
    await this.store.changePolicy({ do: 'grant', user, admin: true }, { at: Date.now(), kind: 'admin', user: 'test' });
  }

  get place(): Place {
    return { host: '127.0.0.1', port: this.port, pin: this.identity.pin };
  }

  /** Closed with the tracker. */
  async tcp(localAddress?: string): Promise<RawTcp> {
    const client = await RawTcp.open(this.place, localAddress === undefined ? {} : { localAddress });
    this.#clients.push(client);
    return client;
  }

  async udp(localAddress?: string): Promise<RawUdp> {
    const client = await RawUdp.open(this.place, localAddress);
    this.#clients.push(client);
    return client;
  }

  login(user: RawUser, fields: object = {}): RawRequest {
    return loginOf(user, this.identity.pin, fields);
  }

  /** A logged-in connection. */
  async enterTcp(user: RawUser | string, fields: object = {}): Promise<{ client: RawTcp; grant: RawGrant }> {
    const client = await this.tcp();
    const reply = await client.ask(this.login(typeof user === 'string' ? userOf(user) : user, fields));
    return { client, grant: grantOf(reply) };
  }

  async enterUdp(user: RawUser | string, fields: object = {}): Promise<{ client: RawUdp; grant: RawGrant }> {
    const client = await this.udp();
    const grant = grantOf(await client.login(this.login(typeof user === 'string' ? userOf(user) : user, fields)));
    return { client: client.use(grant), grant };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.#clients) await client[Symbol.asyncDispose]();
    await this.close();
    await this.hasher.stop();
    await this.dir[Symbol.asyncDispose]();
  }
}

export function grantOf(reply: RawReply): RawGrant {
  if (!reply.ok) throw new Error(`not logged in: ${JSON.stringify(reply.error)}`);
  return reply as unknown as RawGrant;
}
