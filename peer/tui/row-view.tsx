import { Text } from 'ink';
import { useContext } from 'react';
import type { Row } from '../wording/row.js';
import { ThemeContext } from './theme.js';

/** Ink gives a text without characters no line at all. */
const BLANK = ' ';

/** One line of the screen. */
export function RowView({ row }: { readonly row: Row }) {
  const theme = useContext(ThemeContext);
  return (
    <Text wrap="truncate">
      {row.map(({ text, tone }, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a span is what stands at its place in the row
        <Text key={index} {...theme[tone]}>
          {text}
        </Text>
      ))}
      {row.every(({ text }) => text === '') ? BLANK : ''}
    </Text>
  );
}
