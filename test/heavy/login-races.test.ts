/** F34 at its full length: two devices of one user log in at the same moment, at a tracker in this process and at a real one. */
import { expect } from 'chai';
import { integerBetween, randomFrom, seedFor } from '../support/seed.js';
import { tempDir } from '../support/temp.js';
import { RawTcp, RawUdp } from '../tracker/raw-client.js';
import { loginOf, type RawReply, type RawRequest, userOf } from '../tracker/raw-messages.js';
import { TestTracker } from '../tracker/test-tracker.js';
import { placeOf, startTrackerProcess } from '../tracker/tracker-process.js';

/** `RACES=1000` takes a minute or two. */
const RACES = Number(process.env['RACES'] ?? 250);
const REAL_RACES = 10;
/** Of transports: who begins, and who comes a moment later. */
const PAIRS = [
  ['tcp', 'udp'],
  ['udp', 'tcp'],
  ['tcp', 'tcp'],
  ['udp', 'udp'],
] as const;

type Login = (request: RawRequest) => Promise<RawReply>;

describe('two logins of one user at the same moment', function () {
  this.timeout(300_000);

  /** `false`: neither or both have won, or the loser was told something else. */
  async function race(user: string, pin: string, ways: readonly [Login, Login], leadMs: number): Promise<boolean> {
    const [first, second] = ways;
    const replies = await Promise.all([
      first(loginOf(userOf(user), pin)),
      new Promise((resolve) => setTimeout(resolve, leadMs)).then(() => second(loginOf(userOf(user), pin))),
    ]);
    const lost = replies.filter(({ ok }) => !ok);
    return lost.length === 1 && lost[0]?.error?.code === 'already-active';
  }

  it(`let exactly one win, ${RACES} times, over every pair of transports; the other is told that the user is active`, async () => {
    await using tracker = await TestTracker.start({ users: [] });
    const random = randomFrom(seedFor('login races'));
    const wrong: string[] = [];
    for (let index = 0; index < RACES; index += 1) {
      const user = `racer${index}`;
      await tracker.addUser(user);
      await using sockets = new AsyncDisposableStack();
      const overTcp = async (): Promise<Login> => {
        const tcp = sockets.use(await RawTcp.open(tracker.place));
        return (request) => tcp.ask(request);
      };
      const overUdp = async (): Promise<Login> => {
        const udp = sockets.use(await RawUdp.open(tracker.place, `127.0.${1 + (index % 200)}.1`));
        return (request) => udp.login(request);
      };
      const [first, second] = PAIRS[index % PAIRS.length] as (typeof PAIRS)[0];
      const open = (transport: string): Promise<Login> => (transport === 'tcp' ? overTcp() : overUdp());
      const ways = [await open(first), await open(second)] as const;
      if (!(await race(user, tracker.identity.pin, ways, integerBetween(random, 0, 3)))) wrong.push(user);
    }

    expect(wrong).to.deep.equal([]);
  });

  it(`let exactly one win, ${REAL_RACES} times, at a real tracker with real password hashes`, async () => {
    await using dir = await tempDir({ ram: true });
    const users = Array.from({ length: REAL_RACES }, (_, index) => `racer${index}`);
    await using tracker = await startTrackerProcess({ data: dir.join('data'), users });
    const place = placeOf(tracker);
    const wrong: string[] = [];
    for (const user of users) {
      await using tcp = await RawTcp.open(place);
      await using udp = await RawUdp.open(place);
      const ways = [(request: RawRequest) => tcp.ask(request), (request: RawRequest) => udp.login(request)] as const;
      if (!(await race(user, place.pin, ways, 0))) wrong.push(user);
    }

    expect(wrong).to.deep.equal([]);
  });
});
