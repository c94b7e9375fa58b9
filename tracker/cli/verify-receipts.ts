/** `shoal admin verify FILE`: judges the receipts of an exported audit by their signatures alone, without tracker or store. */
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { safeDisplay } from '../../common/content/safe-display.js';
import { fromBase64url } from '../../common/protocol/base64url.js';
import { parseKeptReceipt } from '../../common/protocol/parse.js';
import { formatPin, pinOfSpki, spkiOfCompressed } from '../../common/wire/identity.js';
import { type JudgedReceipt, judgeReceipt } from '../../common/wire/receipt.js';
import { CliError, type CliProcess, EXIT, outputTo } from './process.js';

/** So many wrong ones are named. */
const MAX_NAMED = 20;

interface Row {
  readonly [column: string]: unknown;
}

export async function verifyReceipts(
  file: string,
  flags: { readonly json?: boolean },
  process: CliProcess,
): Promise<void> {
  const rows = rowsOf(await contentOf(resolve(process.host.cwd, file)), file);
  const receipts = rows.filter(({ kind }) => kind === 'receipt');
  const judged = receipts.map((row) => ({ row, verdict: verdictOn(row) }));
  const wrong = judged.flatMap(({ row, verdict }) =>
    typeof verdict === 'string' ? [`receipt ${String(row['id'])}: ${verdict}`] : [],
  );
  const right = judged.flatMap(({ verdict }) => (typeof verdict === 'string' ? [] : [verdict]));
  const both = right.filter(({ isSignedByDevice, isSignedBySource }) => isSignedByDevice && isSignedBySource).length;
  const trackers = [...new Set(right.map(({ tracker }) => tracker))];
  if (wrong.length > 0) throw notRight(wrong, receipts.length);
  const one = right.length - both;
  outputTo(process, flags).say(
    { event: 'result', receipts: receipts.length, both, one, trackers },
    `${receipts.length} ${receipts.length === 1 ? 'receipt is' : 'receipts are'} right: ${both} signed by both ends, ${one} by one of them.` +
      trackers.map((tracker) => `\nTheir tickets were given by the tracker ${tracker}`).join(''),
  );
}

async function contentOf(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new CliError(`${path} cannot be read (${code}). Give the file of: shoal admin audit --limit all --json`, {
      code: 'not-found',
      exitCode: EXIT.notFound,
      cause: error,
    });
  }
}

/** Of the result of a list, or a row a line. */
function rowsOf(content: string, file: string): Row[] {
  try {
    return content
      .split('\n')
      .filter((line) => line.trim() !== '')
      .map((line) => JSON.parse(line) as Row)
      .flatMap((value) => (Array.isArray(value['rows']) ? (value['rows'] as Row[]) : [value]));
  } catch (error) {
    throw new CliError(`${file} is no exported audit. Make one with: shoal admin audit --limit all --json`, {
      code: 'usage',
      exitCode: EXIT.usage,
      cause: error,
    });
  }
}

/** What is wrong with it, or who has signed. What the row says beside the proof is the tracker's word, and must agree with it. */
function verdictOn({
  proof,
  user,
  device,
  subject,
  detail,
}: Row): string | (JudgedReceipt & { readonly tracker: string }) {
  try {
    const kept = parseKeptReceipt(JSON.parse(String(proof)));
    const spki = kept && spkiOfCompressed(fromBase64url(kept.tracker));
    if (kept === undefined || spki === undefined) return 'its proof is none';
    const judged = judgeReceipt(kept, spki);
    const { ticket } = judged;
    if (ticket.user !== user || ticket.device !== device || ticket.publicationId !== subject)
      return 'its columns are not what was signed';
    if (typeof detail === 'string' && !detail.startsWith(`${kept.bytes} of ${ticket.size} bytes`))
      return `it says "${safeDisplay(detail)}", and signed are ${kept.bytes} of ${ticket.size} bytes`;
    return { ...judged, tracker: formatPin(pinOfSpki(spki)) };
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function notRight(wrong: readonly string[], count: number): CliError {
  const more = wrong.length > MAX_NAMED ? [`and ${wrong.length - MAX_NAMED} more`] : [];
  const lines = [
    `${wrong.length} of ${count} receipts are not right. Somebody has changed the export, or the tracker's store.`,
    ...wrong.slice(0, MAX_NAMED),
    ...more,
  ];
  return new CliError(lines.join('\n'), { code: 'integrity', exitCode: EXIT.integrity });
}
