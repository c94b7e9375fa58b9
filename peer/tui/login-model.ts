/**
 * The way in: fields for tracker, user and password, the question at the first contact, the wait for a tracker that is not there yet.
 * It knows the door and no screen; `login-screen.tsx` shows its state.
 */
import { safeDisplay } from '../../common/content/safe-display.js';
import type { Clock } from '../../common/runtime/clock.js';
import { isAbort } from '../../common/runtime/deadline.js';
import { type Peer, type PeerDoor, PeerError, type PeerProblem, type TrackerContact } from '../api.js';
import { problemOf, problemText, problemTitle } from '../wording/problem.js';
import { Countdown } from './countdown.js';
import { type Editor, EMPTY_EDITOR, editorOf, insertText, pressKey } from './editor.js';
import type { KeyStroke } from './keys.js';

export type LoginField = 'tracker' | 'user' | 'password';

export const LOGIN_FIELDS: readonly LoginField[] = ['tracker', 'user', 'password'];

export type LoginPhase =
  | { readonly kind: 'editing' }
  /** Entered before the tracker hears another try: it begins at the end of `holdMs`. */
  | { readonly kind: 'holding' }
  | { readonly kind: 'working'; readonly text: string }
  | { readonly kind: 'waiting'; readonly text: string }
  | { readonly kind: 'trusting'; readonly contact: TrackerContact; readonly answer: Editor }
  | { readonly kind: 'refused'; readonly contact: TrackerContact };

export interface LoginState {
  readonly fields: Readonly<Record<LoginField, Editor>>;
  readonly focus: LoginField;
  readonly phase: LoginPhase;
  /** What went wrong with the last try. */
  readonly problem?: string;
  /** After too many tries: ms until the tracker hears another one; 0: it does now. */
  readonly holdMs?: number;
}

export interface LoginOptions {
  readonly door: PeerDoor;
  readonly clock: Clock;
  readonly tracker?: string | undefined;
  readonly user?: string | undefined;
  readonly password?: string | undefined;
  /** Pin an unknown tracker without asking. */
  readonly trustOnFirstUse?: boolean | undefined;
  readonly onChange: () => void;
  readonly onPeer: (peer: Peer) => void;
}

export class LoginModel {
  #state: LoginState;
  #attempt: AbortController | undefined;
  #answer: PromiseWithResolvers<boolean> | undefined;
  readonly #hold: Countdown;

  constructor(private readonly options: LoginOptions) {
    this.#hold = new Countdown(options.clock, (holdMs) => this.#held(holdMs));
    const { tracker = '', user = '', password = '' } = options;
    const fields = { tracker: editorOf(tracker), user: editorOf(user), password: editorOf(password) };
    const focus = LOGIN_FIELDS.find((field) => fields[field].text === '') ?? 'password';
    this.#state = { fields, focus, phase: { kind: 'editing' } };
  }

  state(): LoginState {
    return this.#state;
  }

  /** Goes straight in when nothing is missing. */
  begin(): void {
    if (LOGIN_FIELDS.every((field) => this.#text(field) !== '')) this.#submit();
  }

  /** Again at the password, which is all that is missing; `problem` says why. */
  comeBack(problem: string): void {
    this.#backTo('password', problem);
  }

  /** Stops whatever is under way. */
  stop(): void {
    this.#attempt?.abort();
    this.#attempt = undefined;
    this.#answer?.resolve(false);
    this.#hold.cancel();
  }

  press(stroke: KeyStroke): void {
    const { kind } = this.#state.phase;
    if (kind === 'editing') this.#edit(stroke);
    else if (kind === 'trusting') this.#answerWith(stroke);
    else if (kind === 'holding') {
      if (stroke.kind === 'escape') this.#change({ phase: { kind: 'editing' } });
    } else if (stroke.kind === 'escape' || (kind === 'refused' && stroke.kind === 'enter')) this.#backTo('tracker');
  }

  #edit(stroke: KeyStroke): void {
    const { focus } = this.#state;
    if (stroke.kind === 'text' || stroke.kind === 'edit') {
      const editor = this.#state.fields[focus];
      if (focus !== 'password') this.#release(); // the tracker counts each user's tries
      this.#setField(focus, stroke.kind === 'text' ? insertText(editor, stroke.text) : pressKey(editor, stroke.key));
    } else if (stroke.kind === 'tab' || stroke.kind === 'down') this.#moveFocus(1);
    else if (stroke.kind === 'back-tab' || stroke.kind === 'up') this.#moveFocus(-1);
    else if (stroke.kind === 'enter') this.#enter();
  }

  /** Enter goes to the next field that is empty; from the last one it logs in. The password may be empty: a peer may run already. */
  #enter(): void {
    const index = LOGIN_FIELDS.indexOf(this.#state.focus);
    const empty = LOGIN_FIELDS.find(
      (field, at) => this.#text(field).trim() === '' && (field !== 'password' || at > index),
    );
    if (empty === undefined && (this.#state.holdMs ?? 0) > 0) this.#change({ phase: { kind: 'holding' } });
    else if (empty === undefined) this.#submit();
    else if (empty === this.#state.focus) this.#change({ problem: `Type the ${empty} first.` });
    else this.#change({ focus: empty });
  }

  #submit(): void {
    const attempt = new AbortController();
    this.#attempt = attempt;
    const tracker = this.#text('tracker').trim();
    this.#release();
    this.#change({ phase: { kind: 'working', text: `Connecting to ${safeDisplay(tracker)} …` }, problem: undefined });
    void this.#logIn(tracker, attempt.signal).catch((error: unknown) => this.#failed(error, attempt));
  }

  async #logIn(tracker: string, signal: AbortSignal): Promise<void> {
    const isKnown = await this.#establishTrust(tracker, signal);
    if (isKnown === 'refused') return;
    this.#change({ phase: { kind: 'working', text: 'Logging in …' } });
    try {
      await this.#open(tracker, signal);
    } catch (error) {
      // The tracker was not there at first and has come meanwhile: now it can be asked for its identity.
      const isFirstContact =
        isKnown === 'unreachable' && error instanceof PeerError && error.code === 'untrusted-tracker';
      if (!isFirstContact) throw error;
      if ((await this.#establishTrust(tracker, signal)) === 'trusted') await this.#open(tracker, signal);
    }
  }

  /** An address with a pin says itself whom to trust, and the door checks it. */
  async #establishTrust(tracker: string, signal: AbortSignal): Promise<'trusted' | 'refused' | 'unreachable'> {
    if (tracker.includes('#')) return 'trusted';
    let contact: TrackerContact;
    try {
      contact = await this.options.door.contact(tracker, { signal });
    } catch (error) {
      if (error instanceof PeerError && error.code === 'tracker-unreachable') return 'unreachable';
      throw error;
    }
    signal.throwIfAborted();
    if (contact.trust === 'pinned') return 'trusted';
    if (contact.trust === 'changed') {
      this.#change({ phase: { kind: 'refused', contact } });
      return 'refused';
    }
    if (this.options.trustOnFirstUse !== true && !(await this.#ask(contact))) {
      if (!signal.aborted) this.#backTo('tracker', 'Not trusted: nothing was sent to this tracker.');
      return 'refused';
    }
    await this.options.door.trust(tracker, contact.pin);
    return 'trusted';
  }

  #ask(contact: TrackerContact): Promise<boolean> {
    this.#answer = Promise.withResolvers<boolean>();
    this.#change({ phase: { kind: 'trusting', contact, answer: EMPTY_EDITOR } });
    return this.#answer.promise;
  }

  async #open(tracker: string, signal: AbortSignal): Promise<void> {
    const password = this.#text('password');
    const peer = await this.options.door.open({
      tracker,
      user: this.#text('user').trim(),
      ...(password === '' ? {} : { password }),
      serving: true,
      wait: true,
      onWaiting: (problem) => this.#waiting(problem, signal),
      signal,
    });
    if (signal.aborted) return peer.close();
    this.#setField('password', EMPTY_EDITOR);
    this.options.onPeer(peer);
  }

  #waiting(problem: PeerProblem, signal: AbortSignal): void {
    if (signal.aborted) return;
    this.#change({ phase: { kind: 'waiting', text: `${problemTitle(problem)}. Trying again by itself …` } });
  }

  #failed(error: unknown, attempt: AbortController): void {
    if (attempt.signal.aborted && isAbort(error, attempt.signal)) return;
    const problem = problemOf(error);
    const field = FIELD_AT_FAULT[problem.code] ?? this.#state.focus;
    if (field === 'password') this.#setField('password', EMPTY_EDITOR);
    if (problem.retryAfterMs !== undefined) this.#backTo(field);
    else this.#backTo(field, problem.code === 'not-logged-in' ? 'Type the password.' : problemText(problem));
    if (problem.retryAfterMs !== undefined) this.#hold.start(problem.retryAfterMs);
  }

  #held(holdMs: number): void {
    this.#change({ holdMs });
    if (holdMs === 0 && this.#state.phase.kind === 'holding') this.#submit();
  }

  #release(): void {
    this.#hold.cancel();
    this.#change({ holdMs: undefined });
  }

  #answerWith(stroke: KeyStroke): void {
    const { phase } = this.#state;
    if (phase.kind !== 'trusting') return;
    const { answer } = phase;
    if (stroke.kind === 'text') this.#change({ phase: { ...phase, answer: insertText(answer, stroke.text) } });
    else if (stroke.kind === 'edit') this.#change({ phase: { ...phase, answer: pressKey(answer, stroke.key) } });
    else if (stroke.kind === 'escape') this.#answer?.resolve(false);
    else if (stroke.kind === 'enter') this.#takeAnswer(phase);
  }

  #takeAnswer(phase: LoginPhase & { kind: 'trusting' }): void {
    const meaning = readAnswer(phase.answer.text, phase.contact.pin);
    if (meaning === undefined) {
      this.#change({ phase: { ...phase, answer: EMPTY_EDITOR }, problem: 'Please type yes, no or the fingerprint.' });
    } else {
      this.#change({ phase: { kind: 'working', text: 'Connecting …' }, problem: undefined });
      this.#answer?.resolve(meaning);
    }
  }

  #backTo(focus: LoginField, problem?: string): void {
    this.stop();
    this.#change({ phase: { kind: 'editing' }, focus, problem });
  }

  #moveFocus(step: -1 | 1): void {
    const index = LOGIN_FIELDS.indexOf(this.#state.focus);
    this.#change({ focus: LOGIN_FIELDS.at((index + step) % LOGIN_FIELDS.length) ?? 'tracker' });
  }

  #text(field: LoginField): string {
    return this.#state.fields[field].text;
  }

  #setField(field: LoginField, editor: Editor): void {
    this.#change({ fields: { ...this.#state.fields, [field]: editor } });
  }

  /** A `problem` or `holdMs` that is given as undefined goes away. */
  #change(change: LoginChange): void {
    const { problem, holdMs, ...rest } = { ...this.#state, ...change };
    this.#state = {
      ...rest,
      ...(problem === undefined ? {} : { problem }),
      ...(holdMs === undefined ? {} : { holdMs }),
    };
    this.options.onChange();
  }
}

type Leaving = 'problem' | 'holdMs';
type LoginChange = Partial<Omit<LoginState, Leaving>> & { readonly [K in Leaving]?: LoginState[K] | undefined };

const FIELD_AT_FAULT: Partial<Record<PeerProblem['code'], LoginField>> = {
  'login-failed': 'password',
  'not-logged-in': 'password',
  'too-many': 'password',
  'already-active': 'user',
  'pin-changed': 'tracker',
  'untrusted-tracker': 'tracker',
  'tracker-unreachable': 'tracker',
};

/** As with SSH: `yes`, `no`, or the fingerprint itself. Undefined: neither. */
function readAnswer(text: string, pin: string): boolean | undefined {
  const answer = text.trim().toLowerCase();
  if (answer === 'yes' || answer === 'y' || answer === pin.toLowerCase()) return true;
  return answer === 'no' || answer === 'n' ? false : undefined;
}
