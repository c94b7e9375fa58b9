import { Box } from 'ink';
import { CursorAt } from './cursor-at.js';
import { mainGeometry } from './geometry.js';
import {
  activityRows,
  activityRule,
  commandLine,
  headerRow,
  hintRow,
  messageRows,
  resultRows,
  resultRule,
  ruleRow,
} from './main-rows.js';
import type { MainState, ScreenSize } from './main-state.js';
import { RowsView } from './rows-view.js';

/** Header, transfers, the last result, messages, command line; always exactly one row fewer than the terminal has. */
export function MainScreen({ state, size }: { readonly state: MainState; readonly size: ScreenSize }) {
  const geometry = mainGeometry(state, size);
  const { width, height } = geometry;
  const { row, cursorX = 0 } = commandLine(state, width);
  return (
    <Box flexDirection="column" width={width} height={height} overflow="hidden">
      <RowsView height={geometry.headerRows} rows={[headerRow(state, width)]} />
      <RowsView height={geometry.activityRuleRows} rows={[activityRule(state, geometry)]} />
      <RowsView height={geometry.activityRows} rows={activityRows(state, geometry)} />
      <RowsView height={geometry.resultRuleRows} rows={[resultRule(state, geometry)]} />
      <RowsView height={geometry.resultRows} rows={resultRows(state, geometry)} />
      <RowsView height={geometry.promptRuleRows} rows={[ruleRow(width)]} />
      <RowsView height={geometry.messageRows} rows={messageRows(state, geometry)} />
      <RowsView height={1} rows={[row]} />
      <CursorAt x={cursorX} y={height - 1 - geometry.hintRows} />
      <RowsView height={geometry.hintRows} rows={[hintRow(state, width)]} />
    </Box>
  );
}
