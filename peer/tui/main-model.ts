/**
 * The main screen's behaviour: the command line, commands under way, their results, messages. It drives a peer and knows no terminal;
 * `main-screen.tsx` shows its state.
 */
import { formatCount } from '../../common/content/format.js';
import { safeDisplay } from '../../common/content/safe-display.js';
import type { Clock, Timer } from '../../common/runtime/clock.js';
import type { Peer, PeerState, PublicationRow } from '../api.js';
import { type Layout, listingOf, paragraph, stackedLayouts } from '../wording/listing.js';
import { problemLayout } from '../wording/problem.js';
import { span } from '../wording/row.js';
import { isUnderWay, keptText } from '../wording/transfers.js';
import { lookUpCandidates } from './candidates.js';
import { type CompletionRequest, complete, completionRequest, knownCandidates } from './completion.js';
import { type Editor, EMPTY_EDITOR, editorOf, insertText, pressKey } from './editor.js';
import { clampScroll, mainGeometry } from './geometry.js';
import { HiddenQuestions } from './hidden-question.js';
import { EMPTY_HISTORY, type History, recall, remember } from './history.js';
import type { KeyStroke } from './keys.js';
import type { MainState, Message, Result, ScreenSize } from './main-state.js';
import { perform } from './perform.js';
import type { MorePages, Performed } from './performed.js';
import { type Command, parseLine } from './words.js';

export interface MainOptions {
  readonly peer: Peer;
  readonly clock: Clock;
  readonly cwd: string;
  readonly home?: string | undefined;
  /** Where `get` puts files, when the settings name a folder. */
  readonly downloads?: string | undefined;
  readonly size: ScreenSize;
  readonly onChange: () => void;
  readonly onQuit: () => void;
}

interface Running {
  readonly title: string;
  readonly controller: AbortController;
  /** Ctrl-C stops it; a download goes on until `cancel`. */
  readonly isForeground: boolean;
}

/** A command that takes longer no longer keeps the next one waiting. */
const HOLD_MS = 1_000;
/** Most commands answer sooner: until then the old result stays, so that nothing flickers. */
const SHOW_WORKING_MS = 150;
/** Lines typed or pasted ahead; more are dropped, and it is said. */
const MAX_QUEUED_LINES = 32;
const MAX_MESSAGES = 200;
const TICK_MS = 1_000;

export class MainModel {
  readonly #running = new Map<number, Running>();
  readonly #queue: string[] = [];
  readonly #undo: () => void;
  readonly #stopped = new AbortController();
  readonly #questions = new HiddenQuestions(() => this.#change({}));
  #state: MainState;
  #history: History = EMPTY_HISTORY;
  #found: readonly PublicationRow[] = [];
  #more: MorePages | undefined;
  #downloads: string | undefined;
  #size: ScreenSize;
  #latest = 0;
  #isPumping = false;
  #lastNotice = -1;
  #ticker: Timer | undefined;

  constructor(private readonly options: MainOptions) {
    const { peer, clock, size } = options;
    this.#size = size;
    this.#downloads = options.downloads;
    const state = peer.state();
    this.#state = {
      peer: state,
      editor: EMPTY_EDITOR,
      result: welcome(state.user),
      scroll: 0,
      messages: [],
      choices: [],
      seen: endedIds(state),
      now: clock.now(),
    };
    this.#takeNotices(state);
    if (peer.attached)
      this.#say('info', `Attached to the running peer of ${safeDisplay(state.user)}; it goes on when you leave.`);
    this.#undo = peer.onState((next) => this.#peerChanged(next));
    this.#tick();
  }

  state(): MainState {
    return this.#state;
  }

  resize(size: ScreenSize): void {
    this.#size = size;
    this.#scrollTo(this.#state.scroll);
  }

  /** Ends what is under way here; the peer is the caller's to close. */
  stop(): void {
    this.#undo();
    this.#ticker?.cancel();
    this.#queue.length = 0;
    this.#stopped.abort();
    for (const { controller } of this.#running.values()) controller.abort();
  }

  /**
   * Ctrl-C: stops the latest command that can be stopped; else empties the line; else warns of transfers that would end. `isRepeated`: it
   * was pressed before, so that only text in the line stands against leaving.
   */
  interrupt({ isRepeated }: { readonly isRepeated: boolean }): 'stopped' | 'cleared' | 'warned' | 'nothing' {
    const running = isRepeated ? undefined : this.#foreground();
    running?.controller.abort();
    if (running !== undefined) return 'stopped';
    if (this.#state.editor.text !== '') {
      this.#change({ editor: EMPTY_EDITOR });
      return 'cleared';
    }
    const warning = isRepeated || this.options.peer.attached ? undefined : leavingText(this.#state.peer);
    if (warning === undefined) return 'nothing';
    this.#say('warning', `Ctrl-C again leaves; ${warning}.`);
    return 'warned';
  }

  press(stroke: KeyStroke): void {
    if (this.#questions.press(stroke)) return;
    if (stroke.kind !== 'tab' && this.#state.choices.length > 0) this.#change({ choices: [] });
    const { editor } = this.#state;
    switch (stroke.kind) {
      case 'text':
        this.#change({ editor: insertText(editor, stroke.text) });
        break;
      case 'edit':
        this.#change({ editor: pressKey(editor, stroke.key) });
        break;
      case 'enter':
        this.#enter();
        break;
      case 'tab':
        this.#complete();
        break;
      case 'up':
      case 'down':
        this.#recall(stroke.kind === 'up' ? -1 : 1);
        break;
      case 'page-up':
      case 'page-down':
        this.#page(stroke.kind === 'page-up' ? -1 : 1);
        break;
      case 'end-of-input':
        if (editor.text === '') this.options.onQuit();
        else this.#change({ editor: pressKey(editor, 'delete') });
        break;
      case 'escape':
        this.#change({ editor: EMPTY_EDITOR });
        break;
      default: // nothing is bound to the others here
    }
  }

  #enter(): void {
    const line = this.#state.editor.text;
    this.#history = remember(this.#history, line);
    this.#change({ editor: EMPTY_EDITOR, seen: endedIds(this.#state.peer) });
    if (line.trim() === '') return;
    if (this.#queue.length >= MAX_QUEUED_LINES) {
      const text = `More than ${MAX_QUEUED_LINES} lines are waiting: later ones were ignored.`;
      if (this.#state.messages.at(-1)?.text !== text) this.#say('warning', text);
      return;
    }
    this.#queue.push(line);
    void this.#pump();
  }

  async #pump(): Promise<void> {
    if (this.#isPumping) return;
    this.#isPumping = true;
    for (let line = this.#queue.shift(); line !== undefined; line = this.#queue.shift()) await this.#runLine(line);
    this.#isPumping = false;
  }

  async #runLine(line: string): Promise<void> {
    const parsed = parseLine(line);
    const title = safeDisplay(line.trim());
    if (parsed.kind === 'empty') return;
    if (parsed.kind === 'problem')
      return this.#showNow({ title, layout: problemLayout(parsed.problem, this.options.clock.now()) });
    const { command } = parsed;
    if (command.word === 'xit') return this.options.onQuit();
    if (command.word === 'clear') {
      this.#change({ messages: [] });
      return this.#showNow({ title: '', layout: paragraph('') });
    }
    const done = this.#start(command, title);
    if (command.word === 'get') return;
    const { promise: held, resolve } = Promise.withResolvers<void>();
    const hold = this.options.clock.setTimer(resolve, HOLD_MS);
    await Promise.race([done, held]);
    hold.cancel();
  }

  async #start(command: Command, title: string): Promise<void> {
    this.#latest += 1;
    const id = this.#latest;
    const controller = new AbortController();
    this.#running.set(id, { title, controller, isForeground: command.word !== 'get' });
    const working = this.options.clock.setTimer(() => this.#showWorking(id, command, title), SHOW_WORKING_MS);
    this.#change({});
    const ask = (question: string): Promise<string | undefined> => this.#questions.ask(question, controller.signal);
    const own = { downloads: this.#downloads, more: this.#more, passcodes: { given, ask }, isScreen: true };
    const performed = await perform(command, { ...this.options, ...own }, controller.signal);
    working.cancel();
    this.#running.delete(id);
    if (!this.#stopped.signal.aborted) this.#finished(id, title, performed);
  }

  #showWorking(id: number, command: Command, title: string): void {
    if (id !== this.#latest) return;
    const text =
      command.word === 'get'
        ? 'Fetching in the background; the outcome is told here or below.'
        : 'Working … Ctrl-C stops it.';
    this.#show({ title, layout: paragraph(text, 'faint') });
  }

  #finished(id: number, title: string, performed: Performed): void {
    const { layout, summary, failure, found } = performed;
    if (found !== undefined) this.#found = found;
    if ('more' in performed) this.#more = performed.more;
    if (performed.isFolderChanged === true) this.#downloads = undefined;
    if (id === this.#latest) this.#show({ title, layout });
    else this.#say(failure === undefined ? 'good' : 'error', failure === undefined ? summary : `${title}: ${summary}`);
  }

  /** The result of something that is done at once; what still runs tells its outcome as a message. */
  #showNow(result: Result): void {
    this.#latest += 1;
    this.#show(result);
  }

  #show({ title, layout }: Result): void {
    this.#change({ result: { title, layout: laidOutOnce(layout) }, scroll: 0 });
  }

  #say(level: Message['level'], text: string): void {
    this.#addMessages([{ at: this.options.clock.now(), level, text }]);
  }

  #addMessages(added: readonly Message[]): void {
    if (added.length === 0) return;
    const messages = [...this.#state.messages, ...added].toSorted((a, b) => a.at - b.at).slice(-MAX_MESSAGES);
    this.#change({ messages });
  }

  #peerChanged(peer: PeerState): void {
    this.#change({ peer });
    this.#takeNotices(peer);
    this.#tick();
  }

  #takeNotices({ notices }: PeerState): void {
    const fresh = notices.filter(({ noticeId }) => noticeId > this.#lastNotice);
    this.#lastNotice = Math.max(this.#lastNotice, ...fresh.map(({ noticeId }) => noticeId));
    this.#addMessages(fresh.map(({ at, level, text }) => ({ at, level, text: safeDisplay(text) })));
  }

  /** While the header or a download counts down to the next try they are drawn anew every second. */
  #tick(): void {
    const { connection, downloads } = this.#state.peer;
    if (connection.kind !== 'waiting' && downloads.every(({ retryAt }) => retryAt === undefined)) {
      this.#ticker?.cancel();
      this.#ticker = undefined;
      return;
    }
    if (this.#ticker !== undefined) return;
    this.#ticker = this.options.clock.setTimer(() => {
      this.#ticker = undefined;
      this.#change({});
      this.#tick();
    }, TICK_MS);
  }

  #recall(step: -1 | 1): void {
    const recalled = recall(this.#history, step, this.#state.editor.text);
    if (recalled === undefined) return;
    this.#history = recalled.history;
    this.#change({ editor: editorOf(recalled.line) });
  }

  #page(direction: -1 | 1): void {
    const { resultRows } = mainGeometry(this.#state, this.#size);
    this.#scrollTo(this.#state.scroll + direction * Math.max(1, resultRows - 1));
  }

  #scrollTo(scroll: number): void {
    const { resultRows, resultWidth } = mainGeometry(this.#state, this.#size);
    this.#change({ scroll: clampScroll(scroll, this.#state.result.layout(resultWidth).length, resultRows) });
  }

  #complete(): void {
    const { editor } = this.#state;
    const request = completionRequest(editor);
    if (request === undefined) return;
    const known = knownCandidates(request.source);
    if (known !== undefined) {
      this.#completeWith(editor, request, known);
      return;
    }
    const from = { ...this.options, found: this.#found, signal: this.#stopped.signal };
    lookUpCandidates(request, from).then(
      (candidates) => this.#completeWith(editor, request, candidates),
      () => undefined, // A folder that cannot be read or a tracker that is away offers nothing; the command itself will say why.
    );
  }

  #completeWith(editor: Editor, request: CompletionRequest, candidates: readonly string[]): void {
    if (this.#state.editor !== editor) return; // Typed on meanwhile: the answer is no longer asked for.
    const completed = complete(editor, request, candidates);
    this.#change({ editor: completed.editor, choices: completed.choices });
  }

  #foreground(): Running | undefined {
    return [...this.#running.values()].findLast(({ isForeground }) => isForeground);
  }

  #change(change: Partial<MainState>): void {
    const { running: _before, asking: _asked, ...kept } = this.#state;
    const running = this.#foreground()?.title;
    const { asking } = this.#questions;
    this.#state = {
      ...kept,
      ...change,
      now: this.options.clock.now(),
      ...(running && { running }),
      ...(asking && { asking }),
    };
    this.options.onChange();
  }
}

/** What would end now: paused downloads do not count, nobody waits for them. */
function leavingText({ downloads, uploads }: PeerState): string | undefined {
  const fetching = downloads.filter((row) => isUnderWay(row) && row.state !== 'paused').length;
  if (fetching > 0) return keptText(fetching);
  return uploads.length === 0 ? undefined : `${formatCount(uploads.length, 'upload')} will be cut off`;
}

/** On a screen there is somebody to be asked. */
async function given(): Promise<undefined> {
  return undefined;
}

function endedIds({ downloads }: PeerState): ReadonlySet<string> {
  return new Set(downloads.filter((transfer) => !isUnderWay(transfer)).map(({ transferId }) => transferId));
}

/** Keeps the listing of the width that was asked for last: laying out 10,000 rows is not for every frame. */
function laidOutOnce(layout: Layout): Layout {
  let kept: { readonly width: number; readonly listing: ReturnType<Layout> } | undefined;
  return (width) => {
    if (kept?.width !== width) kept = { width, listing: layout(width) };
    return kept.listing;
  };
}

function welcome(user: string): Result {
  const first = [
    ['sch TEXT', 'finds files that others publish'],
    ['get NAME', 'fetches one'],
    ['pub PATH', 'publishes a file of yours'],
    ['h', 'lists all words'],
  ];
  const rows = first.map(([usage = '', does = '']) => [span(`  ${usage.padEnd(10)}`, 'strong'), span(does, 'faint')]);
  const layout = stackedLayouts([
    paragraph(`Welcome to Shoal, ${safeDisplay(user)}.`),
    paragraph(''),
    () => listingOf(rows),
  ]);
  return { title: '', layout: laidOutOnce(layout) };
}
