import { CursorAt } from './cursor-at.js';
import type { Frame } from './frame.js';
import { RowsView } from './rows-view.js';

/** A frame of `height` lines. */
export function FrameView({ frame, height }: { readonly frame: Frame; readonly height: number }) {
  return (
    <>
      <RowsView height={height} rows={frame.rows} />
      {frame.cursor === undefined ? undefined : <CursorAt {...frame.cursor} />}
    </>
  );
}
