import { Box } from 'ink';
import type { Row } from '../wording/row.js';
import { RowView } from './row-view.js';

/** Exactly `height` lines: the rows, then blanks. */
export function RowsView({ rows, height }: { readonly rows: readonly Row[]; readonly height: number }) {
  return (
    <Box flexDirection="column" height={height} flexShrink={0} overflow="hidden">
      {rows.slice(0, height).map((row, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a row is what stands at its place on the screen
        <RowView key={index} row={row} />
      ))}
    </Box>
  );
}
