import { Box } from 'ink';
import type { ReactNode } from 'react';
import { type Layout, paragraph, paragraphs, stackedLayouts } from '../wording/listing.js';
import type { Row } from '../wording/row.js';
import { changedPinText, firstContactText } from '../wording/trust.js';
import { CommandLine } from './command-line.js';
import { frameHeight } from './geometry.js';
import { LOGIN_FIELDS, type LoginField, type LoginPhase, type LoginState } from './login-model.js';
import type { ScreenSize } from './main-state.js';
import { RowsView } from './rows-view.js';

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
export function LoginScreen({ state, size }: { readonly state: LoginState; readonly size: ScreenSize }) {
  const { phase } = state;
  const width = Math.max(1, size.columns);
  const height = frameHeight(size);
  if (phase.kind === 'refused') return <RowsView height={height} rows={rowsOf(refusal(phase), width)} />;
  const isQuestion = phase.kind === 'trusting';
  const fieldsHeight = Math.min(isQuestion ? 1 : LOGIN_FIELDS.length, height);
  const aboveRows = rowsOf(isQuestion ? firstContact(phase) : TITLE, width).slice(
    0,
    Math.max(0, height - fieldsHeight),
  );
  const firstField = aboveRows.length;
  const below = height - firstField - fieldsHeight;
  return (
    <Box flexDirection="column" width={width} height={height} overflow="hidden">
      <RowsView height={firstField} rows={aboveRows} />
      {isQuestion ? (
        <Line>
          <CommandLine prompt={QUESTION} editor={phase.answer} width={width} y={firstField} />
        </Line>
      ) : (
        visibleFields(state, fieldsHeight).map((field, index) => (
          <Line key={field}>
            <CommandLine
              prompt={PROMPTS[field]}
              editor={state.fields[field]}
              width={width}
              y={firstField + index}
              isFocused={phase.kind === 'editing' && state.focus === field}
              {...(field === 'password' ? { mask: '•' } : {})}
            />
          </Line>
        ))
      )}
      <RowsView height={below} rows={rowsOf(statusLayout(state), width)} />
    </Box>
  );
}

function Line({ children }: { readonly children: ReactNode }) {
  return (
    <Box height={1} flexShrink={0} overflow="hidden">
      {children}
    </Box>
  );
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

function statusLayout({ phase, problem }: LoginState): Layout {
  const problemPart = problem === undefined ? [] : [paragraph(''), paragraph(`  ${problem}`, 'bad')];
  return stackedLayouts([...problemPart, paragraph(''), ...phaseLayouts(phase)]);
}

function phaseLayouts(phase: LoginPhase): readonly Layout[] {
  switch (phase.kind) {
    case 'editing':
      return [paragraph('  Enter goes on · Tab changes the field · Ctrl-C leaves', 'faint')];
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
