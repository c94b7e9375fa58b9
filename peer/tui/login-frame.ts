/** The login screen as rows and a cursor. Pure; also drawn before Ink is loaded. */
import { formatDuration } from '../../common/content/format.js';
import { type Layout, paragraph, paragraphs, stackedLayouts } from '../wording/listing.js';
import type { Row } from '../wording/row.js';
import { changedPinText, firstContactText } from '../wording/trust.js';
import type { Frame } from './frame.js';
import { frameHeight } from './geometry.js';
import { type InputRow, inputRow } from './input-row.js';
import { LOGIN_FIELDS, type LoginField, type LoginPhase, type LoginState } from './login-model.js';
import type { ScreenSize } from './main-state.js';

const PROMPTS: Readonly<Record<LoginField, string>> = {
  tracker: '  Tracker   ',
  user: '  User      ',
  password: '  Password  ',
};
const QUESTION = '  Trust it? (yes/no) ';
const TITLE = stackedLayouts([
  paragraph(' Shoal', 'accent'),
  paragraph(' Private file sharing, straight from peer to peer', 'faint'),
  paragraph(''),
]);

/** Fields for tracker, user and password, and what the login has to say or to ask. */
export function loginFrame(state: LoginState, size: ScreenSize): Frame {
  const { phase } = state;
  const width = Math.max(1, size.columns);
  const height = frameHeight(size);
  if (phase.kind === 'refused') return { rows: rowsOf(refusal(phase), width).slice(0, height) };
  const inputs = phase.kind === 'trusting' ? [answerInput(phase, width)] : fieldInputs(state, { width, height });
  const above = rowsOf(phase.kind === 'trusting' ? firstContact(phase) : TITLE, width);
  const shownAbove = above.slice(0, Math.max(0, height - inputs.length));
  const rows = [...shownAbove, ...inputs.map(({ row }) => row), ...rowsOf(statusLayout(state), width)];
  const focused = inputs.findIndex(({ cursorX }) => cursorX !== undefined);
  const x = inputs[focused]?.cursorX;
  return { rows: rows.slice(0, height), ...(x === undefined ? {} : { cursor: { x, y: shownAbove.length + focused } }) };
}

function answerInput({ answer }: LoginPhase & { kind: 'trusting' }, width: number): InputRow {
  return inputRow(answer, { prompt: QUESTION, width });
}

function fieldInputs(
  state: LoginState,
  { width, height }: { readonly width: number; readonly height: number },
): InputRow[] {
  return visibleFields(state, Math.min(LOGIN_FIELDS.length, height)).map((field) => {
    const isFocused = state.phase.kind === 'editing' && state.focus === field;
    const mask = field === 'password' ? { mask: '•' } : {};
    return inputRow(state.fields[field], { prompt: PROMPTS[field], width, isFocused, ...mask });
  });
}

/** Where not all fields fit, the one with the cursor is among those that do. */
function visibleFields({ focus }: LoginState, count: number): readonly LoginField[] {
  const first = Math.max(0, Math.min(LOGIN_FIELDS.indexOf(focus), LOGIN_FIELDS.length - count));
  return LOGIN_FIELDS.slice(first, first + count);
}

function rowsOf(layout: Layout, width: number): Row[] {
  const listing = layout(width);
  return Array.from({ length: listing.length }, (_, index) => listing.at(index));
}

function firstContact({ contact }: LoginPhase & { kind: 'trusting' }): Layout {
  const [first = '', pin = '', ...rest] = firstContactText(contact);
  return stackedLayouts([
    paragraph(' First contact', 'strong'),
    paragraph(''),
    paragraph(`  ${first}`),
    paragraph(`  ${pin.trim()}`, 'accent'),
    paragraphs(rest.map((line) => `  ${line}`)),
    paragraph(''),
  ]);
}

function refusal({ contact }: LoginPhase & { kind: 'refused' }): Layout {
  return stackedLayouts([
    paragraphs(
      changedPinText(contact).map((line) => ` ${line}`),
      'bad',
    ),
    paragraph(' Enter goes back.', 'faint'),
  ]);
}

function statusLayout({ phase, problem, holdMs }: LoginState): Layout {
  const problemPart = problem === undefined ? [] : [paragraph(''), paragraph(`  ${problem}`, 'bad')];
  const holdPart = holdMs === undefined ? [] : [paragraph(''), holdLayout(holdMs)];
  return stackedLayouts([...problemPart, ...holdPart, paragraph(''), ...phaseLayouts(phase)]);
}

function holdLayout(holdMs: number): Layout {
  if (holdMs === 0) return paragraph('  You can try again now.', 'good');
  return paragraph(`  Too many attempts. You can try again in ${formatDuration(holdMs)}.`, 'warning');
}

function phaseLayouts(phase: LoginPhase): readonly Layout[] {
  switch (phase.kind) {
    case 'editing':
      return [paragraph('  Enter goes on · Tab changes the field · Ctrl-C leaves', 'faint')];
    case 'holding':
      return [paragraph('  Logs in by itself then …', 'accent'), paragraph('  Esc stops', 'faint')];
    case 'working':
      return [paragraph(`  ${phase.text}`, 'accent'), paragraph('  Esc stops', 'faint')];
    case 'waiting':
      return [
        paragraph(`  ${phase.text}`, 'warning'),
        paragraph('  Esc goes back to the fields · Ctrl-C leaves', 'faint'),
      ];
    case 'trusting':
      return [paragraph('  Esc means no', 'faint')];
    case 'refused':
      return [];
  }
}
