/** The whole screen: first the way in, then the peer, then the way out. It decides what a key means when and what the end is. */
import { safeDisplay } from '../../common/content/safe-display.js';
import type { Clock } from '../../common/runtime/clock.js';
import type { Peer, PeerDoor, PeerProblem } from '../api.js';
import { EXIT_DONE, EXIT_FAILED, EXIT_INTERRUPTED } from '../wording/exit-code.js';
import { problemOf, problemText } from '../wording/problem.js';
import { isUnderWay, keptText } from '../wording/transfers.js';
import { Changes } from './changes.js';
import type { KeyStroke } from './keys.js';
import { LoginModel, type LoginState } from './login-model.js';
import { MainModel } from './main-model.js';
import type { MainState, ScreenSize } from './main-state.js';

export type AppState =
  | { readonly kind: 'login'; readonly login: LoginState }
  | { readonly kind: 'main'; readonly main: MainState }
  | { readonly kind: 'leaving' };

export interface AppOptions {
  readonly door: PeerDoor;
  readonly clock: Clock;
  readonly tracker?: string | undefined;
  readonly user?: string | undefined;
  readonly password?: string | undefined;
  readonly trustOnFirstUse?: boolean | undefined;
  readonly cwd: string;
  readonly home?: string | undefined;
  readonly downloads?: string | undefined;
  readonly size: ScreenSize;
}

/** How it ended: the exit code, and a line that may stay on the terminal. */
export interface AppEnd {
  readonly code: number;
  readonly farewell: string;
}

export class AppModel {
  readonly ended: Promise<AppEnd>;
  readonly #changes: Changes;
  readonly #login: LoginModel;
  readonly #end = Promise.withResolvers<AppEnd>();
  #main: MainModel | undefined;
  #peer: Peer | undefined;
  #undo: (() => void) | undefined;
  #size: ScreenSize;
  #isLeaving = false;
  #interrupts = 0;
  #state: AppState;

  constructor(private readonly options: AppOptions) {
    this.ended = this.#end.promise;
    this.#changes = new Changes(options.clock);
    this.#size = options.size;
    this.#login = new LoginModel({ ...options, onChange: () => this.#changed(), onPeer: (peer) => this.#enter(peer) });
    this.#state = { kind: 'login', login: this.#login.state() };
  }

  readonly subscribe = (listener: () => void): (() => void) => this.#changes.subscribe(listener);

  readonly state = (): AppState => this.#state;

  /** Logs in at once when everything for it is there. */
  begin(): void {
    this.#login.begin();
  }

  /** Keys in the order in which they came. */
  readonly press = (strokes: readonly KeyStroke[]): void => {
    for (const stroke of strokes) this.#press(stroke);
  };

  resize(size: ScreenSize): void {
    this.#size = size;
    this.#main?.resize(size);
  }

  /** Ends everything. Called again while it waits for the peer, it waits no longer. */
  leave(code: number): void {
    if (this.#isLeaving) {
      this.#end.resolve({ code: EXIT_INTERRUPTED, farewell: '' });
      return;
    }
    this.#isLeaving = true;
    this.#login.stop();
    this.#main?.stop();
    this.#changed();
    void this.#closePeer(code);
  }

  #press(stroke: KeyStroke): void {
    if (stroke.kind !== 'interrupt') this.#interrupts = 0;
    if (this.#isLeaving || stroke.kind === 'interrupt') {
      if (stroke.kind === 'interrupt') this.#interrupt();
      return;
    }
    if (this.#main !== undefined) this.#main.press(stroke);
    else if (stroke.kind === 'end-of-input') this.leave(EXIT_DONE);
    else this.#login.press(stroke);
  }

  /** A press that stops a command, clears the line or warns does not leave yet; the next one does. */
  #interrupt(): void {
    const isRepeated = this.#interrupts > 0;
    const answer = this.#isLeaving ? 'nothing' : (this.#main?.interrupt({ isRepeated }) ?? 'nothing');
    if (answer === 'cleared') return;
    this.#interrupts += 1;
    if (answer === 'nothing') this.leave(isRepeated ? EXIT_INTERRUPTED : EXIT_DONE);
  }

  #enter(peer: Peer): void {
    if (this.#isLeaving) return void peer.close();
    this.#peer = peer;
    this.#main = new MainModel({
      ...this.options,
      peer,
      size: this.#size,
      onChange: () => this.#changed(),
      onQuit: () => this.leave(EXIT_DONE),
    });
    this.#undo = peer.onState(({ connection }) => {
      if (connection.kind === 'ended') this.#backToLogin(peer, connection.problem);
    });
    this.#changed();
  }

  /** A peer whose session is over can do nothing any more; logging in makes another one. */
  #backToLogin(peer: Peer, problem: PeerProblem): void {
    if (this.#isLeaving || this.#peer !== peer) return;
    this.#undo?.();
    this.#main?.stop();
    [this.#main, this.#peer] = [undefined, undefined];
    const { user } = peer.state();
    const text = `The running peer of ${safeDisplay(user)} has ended. Type the password to start one here.`;
    this.#login.comeBack(peer.attached ? text : problemText(problem));
    peer.close().catch((error: unknown) => this.#login.comeBack(problemText(problemOf(error))));
    this.#changed();
  }

  async #closePeer(code: number): Promise<void> {
    const peer = this.#peer;
    if (peer === undefined) return this.#end.resolve({ code, farewell: '' });
    const farewell = farewellText(peer);
    try {
      await peer.close();
      this.#end.resolve({ code, farewell });
    } catch (error) {
      this.#end.resolve({ code: EXIT_FAILED, farewell: problemText(problemOf(error)) });
    }
  }

  #changed(): void {
    if (this.#isLeaving) this.#state = { kind: 'leaving' };
    else if (this.#main !== undefined) this.#state = { kind: 'main', main: this.#main.state() };
    else this.#state = { kind: 'login', login: this.#login.state() };
    this.#changes.emit();
  }
}

function farewellText(peer: Peer): string {
  const { user, downloads } = peer.state();
  if (peer.attached) return `Detached; the peer of ${safeDisplay(user)} goes on`;
  const kept = downloads.filter(isUnderWay).length;
  return kept === 0 ? 'Logged out' : `Logged out; ${keptText(kept)}`;
}
